"""What moves counts most: the mean of a window's real frames is what is usual, and the weights are as by hand."""

import pytest
import torch

from wam.nets.perceive.emphasis import REST, emphasised_error, looked_at


def test_the_mean_of_the_real_frames_is_usual():
    frames = torch.zeros(2, 4, 3, 2, 2)
    frames[0, 3, 1, 0, 0] = 0.8  # one colour of one pixel, in the last of four frames
    frames[1, 2:] = 1.0  # padding: never seen
    real = torch.tensor([[True] * 4, [True, True, False, False]])
    shown, emphasis = looked_at(frames, real, torch.tensor([3, 1]))
    assert torch.equal(shown, torch.stack([frames[0, 3], frames[1, 1]]))
    assert emphasis[0, 0].tolist() == [[pytest.approx(0.6), 0], [0, 0]] and not emphasis[1].any()


def test_weights_by_hand():
    found, pictures, emphasis = torch.zeros(1, 3, 1, 2), torch.ones(1, 3, 1, 2), torch.tensor([[[[1.0, 0.0]]]])
    found[..., 1] = 1  # right where nothing moves, wrong where something does
    assert float(emphasised_error(found, pictures, emphasis)) == pytest.approx((1 + REST) / (1 + 2 * REST))
    assert float(emphasised_error(found, pictures, torch.zeros(1, 1, 1, 2))) == pytest.approx(0.5)  # nothing moves: all pixels count the same
