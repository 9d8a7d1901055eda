import numpy as np
import pytest

from wam.data import DataError
from wam.data.pictures import area_weights, decode_picture, encode_png, resize_area

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("shape", "dtype"), [((3, 7, 5), np.uint8), ((1, 6, 9), np.uint16)])
def test_png_is_lossless(shape: tuple[int, int, int], dtype: type, tmp_path) -> None:
    frame = RNG.integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)
    back = decode_picture(encode_png(frame), depth=dtype is np.uint16, path=tmp_path, episode=0)
    assert back.dtype == dtype and np.array_equal(back, frame)


def test_broken_picture_names_file_and_episode(tmp_path) -> None:
    data = encode_png(RNG.integers(0, 255, (3, 8, 8), dtype=np.uint8))
    for broken in (data[:40], b"no picture at all"):
        with pytest.raises(DataError, match=r"some/file.*episode 7.*cannot be decoded"):
            decode_picture(broken, depth=False, path="some/file", episode=7)


def test_rgb_where_depth_was_promised_is_an_error() -> None:
    with pytest.raises(DataError, match="16 bits"):
        decode_picture(encode_png(np.zeros((3, 4, 4), np.uint8)), depth=True, path="f", episode=0)


@pytest.mark.parametrize(("old", "new"), [((12, 20), (4, 5)), ((9, 7), (4, 3)), ((5, 5), (8, 7)), ((6, 6), (6, 6))])
def test_area_resize_against_fine_pixels(old: tuple[int, int], new: tuple[int, int]) -> None:
    """Oracle: blow every pixel up to new x new fine ones, then average whole blocks."""
    frames = RNG.integers(0, 255, (2, 3, *old), dtype=np.uint8)
    fine = frames.repeat(new[0], 2).repeat(new[1], 3).astype(np.float64)
    want = fine.reshape(2, 3, new[0], old[0], new[1], old[1]).mean((3, 5))
    assert np.abs(resize_area(frames, new) - want).max() <= 0.51


def test_weights_sum_to_one() -> None:
    assert np.allclose(area_weights(17, 5).sum(1), 1) and np.allclose(area_weights(5, 17).sum(1), 1)
