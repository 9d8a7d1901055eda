"""TFRecord and tf.train.Example against known checksums, a plain loop, and messages encoded by hand."""

import struct
from pathlib import Path

import numpy as np
import pytest

from wam.data import DataError
from wam.data.converters.tfrecord import crc32c, parse_example, read_records, write_records

RNG = np.random.default_rng(0)


def slow_crc(data: bytes) -> int:
    """Bit by bit, from the definition."""
    state = 0xFFFFFFFF
    for byte in data:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 if state & 1 else 0)
    return state ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "want"), [(b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E), (b"", 0)]
)
def test_known_checksums(data: bytes, want: int) -> None:
    assert crc32c(data) == want


@pytest.mark.parametrize("length", [1, 511, 512, 513, 1024, 5000])
def test_blocks_side_by_side_equal_a_loop(length: int) -> None:
    data = RNG.bytes(length)
    assert crc32c(data) == slow_crc(data)


def test_records_return(tmp_path: Path) -> None:
    records = [RNG.bytes(length) for length in (0, 1, 700, 3000)]
    write_records(tmp_path / "r", records)
    assert list(read_records(tmp_path / "r")) == records


def test_damage_is_found_wherever_it_is(tmp_path: Path) -> None:
    records = [RNG.bytes(40), RNG.bytes(60)]
    write_records(tmp_path / "r", records)
    whole = (tmp_path / "r").read_bytes()
    first = 40 + 16
    for at in range(0, len(whole), 3):
        (tmp_path / "flipped").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(DataError, match=f"record {int(at >= first)} "):
            list(read_records(tmp_path / "flipped"))
    for end in (first - 1, first + 5, first + 12, first + 30, len(whole) - 2):
        (tmp_path / "cut").write_bytes(whole[:end])
        with pytest.raises(DataError, match="cut off"):
            list(read_records(tmp_path / "cut"))
    with pytest.raises(DataError, match="cannot be opened"):
        list(read_records(tmp_path / "absent"))


# -- messages ------------------------------------------------------------------------------------------------------------------------


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def part(number: int, content: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(content)) + content


def example(**features: bytes) -> bytes:
    pairs = b"".join(part(1, part(1, name.encode()) + part(2, feature)) for name, feature in features.items())
    return part(1, pairs)


def test_messages_by_hand() -> None:
    floats, integers = [0.5, -2.0, 3.25], [0, 1, 300, -5, 1 << 40]
    record = example(
        words=part(1, part(1, b"one") + part(1, b"")),
        packed=part(2, part(1, struct.pack("<3f", *floats))),
        single=part(2, b"".join(varint(1 << 3 | 5) + struct.pack("<f", value) for value in floats)),
        many=part(3, part(1, b"".join(map(varint, integers)))),
        few=part(3, b"".join(varint(1 << 3) + varint(value) for value in integers)),
        empty=b"",
        none=part(2, b""),
    )
    found = parse_example(record + varint(9 << 3) + varint(77), path=Path("f"), episode=0)
    assert found["words"] == [b"one", b""] and list(found["empty"]) == [] and list(found["none"]) == []
    assert found["packed"].tolist() == found["single"].tolist() == floats  # type: ignore[union-attr]
    assert found["many"].tolist() == found["few"].tolist() == integers  # type: ignore[union-attr]


@pytest.mark.parametrize("record", [b"\x0a\x7f\x01", part(1, part(1, b"\x0a\xff")), b"\x0b", part(1, part(1, part(2, b"")))])
def test_no_message(record: bytes) -> None:
    with pytest.raises(DataError, match=r"record 4 is no tf.train.Example"):
        parse_example(record, path=Path("f"), episode=4)
