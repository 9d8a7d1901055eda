"""Bytes on the wire: openpi's keys exactly, everything comes back, nothing else is read."""

import msgpack
import numpy as np
import pytest

from tests.serve.mocks import openpi_bytes, openpi_read
from wam.serve.wire import WireError, pack, unpack

VALUES = [
    np.arange(6, dtype=np.uint8).reshape(1, 2, 3),
    np.array([[1.5, np.inf], [np.nan, -0.0]], dtype=np.float32),
    np.array([1, 2], dtype=">i4"),
    np.array([True, False]),
    np.array(1.0),
    np.zeros((0, 7), dtype=np.float32),
    np.array(["push", "pull it"]),
    np.float32(0.1),
    np.int64(-3),
    np.bool_(True),
]


def test_an_array_is_written_with_openpis_keys_byte_by_byte() -> None:
    """{b"__ndarray__": true, b"data": bin, b"dtype": "<u2", b"shape": [2]} in MessagePack, by hand."""
    wanted = b"\x84" + b"\xc4\x0b__ndarray__\xc3" + b"\xc4\x04data\xc4\x04\x01\x00\x02\x03" + b"\xc4\x05dtype\xa3<u2" + b"\xc4\x05shape\x91\x02"
    assert pack(np.array([1, 0x0302], dtype="<u2")) == wanted
    generic = b"\x83" + b"\xc4\x0d__npgeneric__\xc3" + b"\xc4\x04data\x05" + b"\xc4\x05dtype\xa3<i2"
    assert pack(np.int16(5)) == generic


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}-{value.dtype}-{value.shape}")
def test_arrays_and_scalars_come_back_and_openpis_packer_agrees(value) -> None:
    message = {"observation/image": value, "nested": {"list": [value, 1, "x", None, 2.5]}}
    assert pack(message) == openpi_bytes(message)
    for found in (unpack(pack(message))["observation/image"], unpack(pack(message))["nested"]["list"][0]):
        assert type(found) is type(value) and found.dtype == value.dtype and found.shape == value.shape
        np.testing.assert_array_equal(found, value)
    if isinstance(value, np.ndarray) and value.size:
        np.testing.assert_array_equal(openpi_read(pack(message))["observation/image"], value)


def test_a_transposed_array_is_sent_as_it_looks() -> None:
    turned = np.arange(6).reshape(2, 3).T
    np.testing.assert_array_equal(unpack(pack(turned)), turned)


@pytest.mark.parametrize("value", [np.array([object()]), np.array([1j]), np.zeros(2, dtype=[("a", "i4")]), object(), {1, 2}, 2**70])
def test_what_cannot_be_sent_says_so(value) -> None:
    with pytest.raises(WireError, match="cannot be sent"):
        pack({"x": value})


def array(**changes) -> bytes:
    return msgpack.packb(
        {b"__ndarray__": True, b"data": b"\0" * 8, b"dtype": "<f4", b"shape": [2], **{name.encode(): value for name, value in changes.items()}}
    )


def scalar(data: object, dtype: str) -> bytes:
    return msgpack.packb({b"__npgeneric__": True, b"data": data, b"dtype": dtype})


def test_text_and_bytes_may_be_scalars_too() -> None:
    assert unpack(scalar("push", "<U4")) == "push" and unpack(scalar(b"push", "|S4")) == b"push" and unpack(scalar(1, "<f4")) == 1.0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no MessagePack"),
        (b"\xc1", "no MessagePack"),
        (pack(1) + pack(2), "no MessagePack"),
        (b"\x91" * 5000, "no MessagePack"),
        (b"\xdd\xff\xff\xff\xff", "no MessagePack"),
        (array(shape=[3]), "8 bytes, expected 12"),
        (array(shape=[-1, 2]), "whole numbers"),
        (array(shape=[2**62, 2**62]), "expected"),
        (array(shape=[True, 2]), "whole numbers"),
        (array(shape="2"), "whole numbers"),
        (array(data="text1234"), "came with a str"),
        (array(dtype="|O"), "Numbers, booleans and text"),
        (array(dtype="<U0", data=b"", shape=[2**40]), "Numbers, booleans and text"),
        (array(dtype="i4,i4"), "Numbers, booleans and text"),
        (array(dtype="nonsense"), "NumPy does not know"),
        (array(dtype=None), "None, which NumPy does not know"),
        (scalar(1000, "|i1"), "no MessagePack"),
        (scalar(-1, "|u1"), "no MessagePack"),
        (scalar(2**40, "|S1"), "data of type int, expected bytes"),  # NumPy would allocate a terabyte
        (scalar([1, 2], "<f4"), "data of type list, expected float"),
        (scalar(None, "<f4"), "data of type NoneType, expected float"),
        (scalar("1", "<f4"), "data of type str, expected float"),
        (scalar(1.5, "<i4"), "data of type float, expected int"),
        (scalar(True, "<i4"), "data of type bool, expected int"),
        (scalar(1, "|b1"), "data of type int, expected bool"),
        (scalar(3, "<U1"), "data of type int, expected str"),
        (msgpack.packb({1: 2}), "no MessagePack"),
    ],
)
def test_bytes_that_are_no_message_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(WireError, match=words):
        unpack(data)
