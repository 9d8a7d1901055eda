"""Pictures decode to the pixels that they were made of."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from wam.show.pictures import DENSITY, GAP, MARGIN, enlarged, error_picture, evenly, prediction_strip, still, strip


def decoded(picture):
    return torch.from_numpy(np.array(Image.open(io.BytesIO(picture.data)).convert("RGB"))).permute(2, 0, 1)


@pytest.fixture
def frames():
    return torch.randint(256, (4, 3, 8, 8), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def test_small_frames_keep_their_pixels(frames):
    found = decoded(still(frames[0], tile=32))
    assert found.shape == (3, 32 * DENSITY, 32 * DENSITY)
    assert torch.equal(found[:, 4::8, 4::8], frames[0]) and torch.equal(found[:, 0::8, 7::8], frames[0])


def test_large_frames_are_averaged():
    checks = torch.zeros(1, 3, 400, 800)
    checks[..., ::2] = 1
    small = enlarged(checks, 100)
    assert small.shape == (1, 3, 100, 200) and (small.float() - 127.5).abs().max() < 1


def test_strip_puts_each_frame_in_its_place(frames):
    picture = strip([("truth", frames), ("guess", frames.flip(0))], ["a", "b", "c", "d"], tile=32)
    found, cell = decoded(picture), (32 + GAP) * DENSITY
    assert picture.width * DENSITY == found.shape[2] and picture.height * DENSITY == found.shape[1]
    top = found.shape[1] - 2 * cell
    for row, shown in enumerate((frames, frames.flip(0))):
        for column in range(4):
            y, x = top + row * cell, MARGIN * DENSITY + column * cell
            assert torch.equal(found[:, y + 4 : y + 64 : 8, x + 4 : x + 64 : 8], shown[column])


def test_a_prediction_strip_shows_what_was_seen_and_the_last_step(frames):
    future = torch.rand(30, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    found = decoded(prediction_strip(frames, future, future, rate=10.0))
    third = found.shape[1] // 3
    assert (found[:, -third + 40 : -10, MARGIN * DENSITY :] == 255).all()  # no error, no ink
    assert evenly(30, 8).tolist()[0] == 0 and evenly(30, 8).tolist()[-1] == 29 and evenly(3, 8).tolist() == [0, 1, 2]


def test_error_is_white_for_none_and_black_for_half():
    truth = torch.zeros(1, 3, 2, 2)
    assert (error_picture(truth, truth) == 255).all()
    assert (error_picture(truth + 0.5, truth) == 0).all() and (error_picture(truth + 0.25, truth) == 128).all()


def test_frames_may_be_on_the_way_of_a_gradient(frames):
    moving = torch.rand(4, 3, 8, 8, requires_grad=True)
    assert strip([("x", moving)]).data == strip([("x", moving.detach())]).data
