"""Animations decode to their frames, in time."""

import io

import av
import numpy as np
import torch
from PIL import Image

from wam.show.video import animate


def test_small_frames_are_lossless_and_timed():
    frames = torch.randint(256, (5, 3, 16, 16), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    picture = animate(frames, rate=10, tile=64)
    assert picture.mime == "image/png" and (picture.width, picture.height) == (64, 64)
    film = Image.open(io.BytesIO(picture.data))
    assert film.n_frames == 5 and film.info["loop"] == 0
    for index, frame in enumerate(frames):
        film.seek(index)
        assert film.info["duration"] == (1100 if index == 4 else 100)
        shown = torch.from_numpy(np.array(film.convert("RGB"))).permute(2, 0, 1)
        assert torch.equal(shown[:, 4::8, 4::8], frame)


def test_equal_frames_keep_their_time():
    """A row that stands still must not be shortened."""
    grey = torch.tensor([0.0, 0.5, 0.5, 0.5, 1.0, 1.0])[:, None, None, None].expand(6, 3, 8, 8)
    film = Image.open(io.BytesIO(animate(grey, rate=10).data))
    total = 0
    for index in range(film.n_frames):
        film.seek(index)
        total += film.info["duration"]
    assert total == 6 * 100 + 1000


def test_large_frames_become_a_film():
    ramp = torch.linspace(0, 1, 12)[:, None, None, None].expand(12, 3, 181, 241)
    picture = animate(ramp, rate=15)
    assert picture.mime == "video/mp4" and (picture.width, picture.height) == (240, 180)
    with av.open(io.BytesIO(picture.data)) as film:
        stream = film.streams.video[0]
        assert stream.codec_context.name == "h264" and stream.average_rate == 15 and stream.codec_context.pix_fmt == "yuv420p"
        grey = [float(frame.to_ndarray(format="rgb24").mean()) / 255 for frame in film.decode(video=0)]
    assert len(grey) == 27 and max(abs(a - b) for a, b in zip(grey, ramp[:, 0, 0, 0].tolist(), strict=False)) < 0.03


def test_a_film_of_one_scene_is_a_still():
    assert Image.open(io.BytesIO(animate(torch.zeros(6, 3, 8, 8), rate=10).data)).size == (224, 224)
