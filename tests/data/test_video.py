from pathlib import Path

import numpy as np
import pytest

from wam.data import DataError
from wam.data.video import count_frames, join_videos, pixel_format, read_video, video_rate, write_video


def discs(count: int, height: int, width: int, seed: int = 0) -> np.ndarray:
    """Small moving discs in pure colours on grey: what chroma subsampling destroys."""
    row, column = np.mgrid[:height, :width]
    frames = np.full((count, 3, height, width), 190, np.uint8)
    for t in range(count):
        for channel in range(3):
            y, x = height * (0.3 + 0.2 * channel) + 0.4 * t, width * (0.2 + 0.25 * channel) + (0.3 + seed) * t
            inside = (row - y % height) ** 2 + (column - x % width) ** 2 < (height / 12) ** 2
            frames[t][:, inside] = np.eye(3, dtype=np.uint8)[channel][:, None] * 255
    return frames


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


@pytest.mark.parametrize(
    ("height", "width", "wanted", "least"), [(32, 32, "yuv444p", 41), (96, 96, "yuv444p", 41), (33, 31, "yuv444p", 41), (128, 160, "yuv420p", 28)]
)
def test_round_trip(tmp_path: Path, height: int, width: int, wanted: str, least: float) -> None:
    frames = discs(20, height, width)
    write_video(tmp_path / "v.mp4", frames, 10)
    assert pixel_format(height, width) == wanted
    assert psnr(read_video(tmp_path / "v.mp4", 20, fps=10, episode=0), frames) > least
    assert count_frames(tmp_path / "v.mp4", episode=0) == 20
    assert video_rate(tmp_path / "v.mp4", episode=0) == (10.0, height, width)


@pytest.mark.parametrize("fps", [5, 15, 29.97, 60])
def test_joined_parts_are_bit_identical(tmp_path: Path, fps: float) -> None:
    lengths = [17, 1, 23]
    paths = [tmp_path / f"{i}.mp4" for i in range(3)]
    for seed, (length, path) in enumerate(zip(lengths, paths, strict=True)):
        write_video(path, discs(length, 48, 64, seed), fps)
    starts = [0.0, 17 / fps, 18 / fps]
    join_videos(paths, tmp_path / "all.mp4", starts)
    assert count_frames(tmp_path / "all.mp4", episode=0) == sum(lengths)
    for length, path, start in zip(lengths, paths, starts, strict=True):
        alone = read_video(path, length, fps=fps, episode=0)
        assert np.array_equal(read_video(tmp_path / "all.mp4", length, start=start, fps=fps, episode=0), alone)


def test_too_few_frames(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", discs(6, 32, 32), 10)
    with pytest.raises(DataError, match=r"v.mp4, episode 3: the video has 6 frames from 0 s on; expected 8"):
        read_video(tmp_path / "v.mp4", 8, fps=10, episode=3)


def test_wrong_rate_is_noticed(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", discs(9, 32, 32), 10)
    with pytest.raises(DataError, match=r"jumps to frame.*fps in meta/info.json is not the video's own"):
        read_video(tmp_path / "v.mp4", 9, fps=20, episode=0)
    with pytest.raises(DataError, match=r"two pictures are frame \d.*fps in meta/info.json is not the video's own"):
        read_video(tmp_path / "v.mp4", 9, fps=5, episode=0)


def test_unreadable(tmp_path: Path) -> None:
    (tmp_path / "v.mp4").write_bytes(b"not a video")
    for call in (lambda path: read_video(path, 1, fps=10, episode=5), lambda path: count_frames(path, episode=5), lambda path: video_rate(path, episode=5)):
        with pytest.raises(DataError, match=r"episode 5: the video cannot be read"):
            call(tmp_path / "v.mp4")
    with pytest.raises(DataError, match="cannot be read"):
        read_video(tmp_path / "absent.mp4", 1, fps=10, episode=0)
