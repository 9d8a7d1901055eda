"""TFRecord files and tf.train.Example messages without TensorFlow.

TFRecord: per record a little-endian uint64 length, its masked CRC-32C, the bytes, their masked CRC-32C.
Example (protocol buffers): features -> a map from name to a list of bytes, of float32, or of int64.
Source: the public descriptions of the TFRecord format and of the protocol-buffer wire format; CRC-32C is RFC 3720, B.4.
"""

import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wam.data.errors import DataError

POLYNOMIAL = 0x82F63B78  # CRC-32C, bits reversed
BLOCK = 512  # bytes that one step of the parallel checksum covers
MASK = 0xA282EAD8
COPY = "The file is damaged: copy it again from its source."

Value = list[bytes] | NDArray[np.float32] | NDArray[np.int64]


# -- checksum --------------------------------------------------------------------------------------------------------------------


@cache
def crc_table() -> NDArray[np.uint32]:
    """What one byte does to a checksum, 256 entries."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ np.uint32(POLYNOMIAL), table >> 1)
    return table


@cache
def zeros_table() -> NDArray[np.uint32]:
    """What BLOCK zero bytes do to each byte of a checksum, "4 256": checksums are linear over xor."""
    table = crc_table()
    state = np.arange(256, dtype=np.uint32)[None] << np.arange(0, 32, 8, dtype=np.uint32)[:, None]
    for _ in range(BLOCK):
        state = table[state & 255] ^ (state >> 8)
    return state


def crc32c(data: bytes) -> int:
    """CRC-32C. Blocks run side by side in NumPy and are then chained: about a hundred times a plain loop."""
    table, zeros = crc_table(), zeros_table().tolist()
    state, whole = 0xFFFFFFFF, len(data) // BLOCK
    if whole:
        columns = np.frombuffer(data, np.uint8, whole * BLOCK).reshape(whole, BLOCK).T
        parts = np.zeros(whole, np.uint32)
        for column in columns:
            parts = table[(parts ^ column) & 255] ^ (parts >> 8)
        for part in parts.tolist():
            state = zeros[0][state & 255] ^ zeros[1][state >> 8 & 255] ^ zeros[2][state >> 16 & 255] ^ zeros[3][state >> 24] ^ part
    steps = table.tolist()
    for byte in data[whole * BLOCK :]:
        state = steps[(state ^ byte) & 255] ^ (state >> 8)
    return state ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """The rotation and offset that TFRecord stores instead of the checksum itself."""
    return ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF


# -- records ---------------------------------------------------------------------------------------------------------------------


def read_records(path: Path) -> Iterator[bytes]:
    """The payloads of a TFRecord file. Raises DataError, naming the record, for a cut file or a wrong checksum."""
    try:
        handle = path.open("rb")
    except OSError as error:
        raise DataError(f"cannot be opened ({error}).", remedy="Check the path.", path=path) from error
    with handle:
        number = 0
        while head := handle.read(12):
            body = b""
            if len(head) == 12 and masked(crc32c(head[:8])) == int.from_bytes(head[8:], "little"):
                length = int.from_bytes(head[:8], "little")
                body = handle.read(length + 4)
                if len(body) == length + 4 and masked(crc32c(body[:-4])) == int.from_bytes(body[-4:], "little"):
                    yield body[:-4]
                    number += 1
                    continue
            what = "is cut off" if len(head) < 12 or 0 < len(body) < 4 else "does not match its checksum or is cut off"
            raise DataError(f"record {number} {what}.", remedy=COPY, path=path, episode=number)


def write_records(path: Path, records: list[bytes]) -> None:
    """Write payloads as a TFRecord file."""
    with path.open("wb") as handle:
        for record in records:
            head = struct.pack("<Q", len(record))
            handle.write(head + struct.pack("<I", masked(crc32c(head))) + record + struct.pack("<I", masked(crc32c(record))))


# -- messages --------------------------------------------------------------------------------------------------------------------


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """(value, next position) of a base-128 number."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7


def fields(data: memoryview) -> Iterator[tuple[int, int, memoryview]]:
    """(field number, wire type, content) of a message; a varint's content is its own bytes."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        start = at
        if wire == 0:
            _, at = varint(data, at)
        elif wire == 2:
            length, start = varint(data, at)
            at = start + length
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at > len(data):
            raise ValueError("a field ends beyond its message")
        yield number, wire, data[start:at]


def parse_example(record: bytes, *, path: Path, episode: int) -> dict[str, Value]:
    """The features of a tf.train.Example by name."""
    found: dict[str, Value] = {}
    try:
        for number, _, features in fields(memoryview(record)):
            if number != 1:
                continue
            for _, _, pair in fields(features):
                parts = {key: content for key, _, content in fields(pair)}
                found[bytes(parts[1]).decode()] = _values(parts.get(2, memoryview(b"")))
    except (ValueError, IndexError, KeyError, UnicodeDecodeError) as error:
        raise DataError(f"record {episode} is no tf.train.Example ({error}).", remedy=COPY, path=path, episode=episode) from error
    return found


def _values(feature: memoryview) -> Value:
    """A Feature: bytes_list = 1, float_list = 2, int64_list = 3; numbers packed or one by one."""
    for kind, _, content in fields(feature):
        if kind == 1:
            return [bytes(item) for _, _, item in fields(content)]
        if kind == 2:
            return np.concatenate([np.frombuffer(item, "<f4") for _, _, item in fields(content)] or [np.zeros(0, np.float32)])
        if kind == 3:
            return np.array([value for _, _, item in fields(content) for value in _varints(item)], np.int64)
    return []


def _varints(data: memoryview) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = varint(data, at)
        yield value - (1 << 64) if value >> 63 else value
