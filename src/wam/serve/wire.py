"""Messages on the wire: MessagePack with NumPy arrays as raw bytes. No pickle: reading a message runs nothing of its sender's.

The format is openpi's: an array is a map with the byte-string keys `__ndarray__` (true), `data` (C order), `dtype` (NumPy's
type string with byte order, e.g. "<f4") and `shape`; a NumPy scalar has `__npgeneric__` (true), `data` (a plain number) and
`dtype`. Everything else is plain MessagePack. Booleans, integers, floats and strings are allowed, no other kinds.

Arrays that were read are views of the message: they cannot be written to.
"""

import math
from typing import Any

import msgpack
import numpy as np

KINDS: dict[str, tuple[type, ...]] = {"b": (bool,), "i": (int,), "u": (int,), "f": (float, int), "U": (str,), "S": (bytes,)}  # and their scalars' data


class WireError(ValueError):
    """Bytes that are no message, or an object that cannot be one."""


def pack(message: object) -> bytes:
    """One message. WireError for what the format does not know, e.g. arrays of objects or complex numbers."""
    try:
        packed: bytes = msgpack.packb(message, default=_encoded)
    except (TypeError, OverflowError) as error:
        raise WireError(f"this cannot be sent: {error}. Numbers, text, lists, dicts and NumPy arrays can.") from error
    return packed


def unpack(data: bytes) -> Any:
    """The message. WireError for anything else."""
    try:
        return msgpack.unpackb(data, object_hook=_decoded)
    except WireError:
        raise
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.exceptions.UnpackException) as error:
        raise WireError(f"{len(data)} bytes are no MessagePack message ({type(error).__name__}: {error}). The client must pack as openpi's does.") from error


def _encoded(value: object) -> dict[bytes, object]:
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind not in KINDS:
        raise WireError(f"an array of {value.dtype} cannot be sent. Numbers, booleans and text can.")
    if isinstance(value, np.ndarray):
        return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
    if isinstance(value, np.generic):
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}
    raise TypeError(f"a {type(value).__name__}")


def _decoded(value: dict[Any, Any]) -> object:
    if b"__ndarray__" in value:
        data, dtype, shape = value.get(b"data"), _dtype(value), value.get(b"shape")
        if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
            raise WireError(f"an array has the shape {shape!r}, expected whole numbers.")
        if not isinstance(data, bytes) or len(data) != math.prod(shape) * dtype.itemsize:
            found = f"{len(data)} bytes" if isinstance(data, bytes) else f"a {type(data).__name__}"
            raise WireError(f"an array of shape {tuple(shape)} and type {dtype} came with {found}, expected {math.prod(shape) * dtype.itemsize} bytes.")
        return np.frombuffer(data, dtype).reshape(shape) if data else np.zeros(shape, dtype)
    if b"__npgeneric__" in value:
        return _scalar(value.get(b"data"), _dtype(value))
    return value


def _scalar(data: object, dtype: np.dtype[Any]) -> Any:
    """One value. NumPy itself would take a list for an array, nothing for NaN, and a number for that many empty bytes."""
    if type(data) not in KINDS[dtype.kind]:
        raise WireError(f"a scalar of type {dtype} came with data of type {type(data).__name__}, expected {KINDS[dtype.kind][0].__name__}.")
    return dtype.type(data)


def _dtype(value: dict[Any, Any]) -> np.dtype[Any]:
    name = value.get(b"dtype")
    try:
        dtype = np.dtype(name if isinstance(name, str) else "")
    except (TypeError, ValueError, SyntaxError) as error:
        raise WireError(f"an array has the type {name!r}, which NumPy does not know.") from error
    if dtype.kind not in KINDS or dtype.itemsize == 0:
        raise WireError(f"an array has the type {name!r}. Numbers, booleans and text can be sent.")
    return dtype
