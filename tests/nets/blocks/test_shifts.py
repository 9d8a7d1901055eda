"""Copies of a picture that are moved: by whole pixels exactly, by what they are told, and found by gradient from far off."""

import torch

from wam.nets.blocks.shifts import UNIT, Shifts
from wam.world import Noise


def test_a_sharp_copy_is_the_picture_moved_by_whole_pixels():
    picture = Noise.of([0]).uniform(3, 12, 16)
    shifts = Shifts(2, 2)
    with torch.no_grad():
        shifts.where.weight.zero_()
        shifts.where.bias.copy_(torch.tensor([2 / UNIT, -3 / UNIT, -30.0, 0.0, 0.0, -30.0]))  # 2 px down, 3 px to the left; and where it was
    moved, same = shifts(picture, torch.zeros(1, 1, 2))[:, 0].unbind(1)
    within = moved[:, :, 2:, :-3] - picture[:, :, :-2, 3:]
    assert within.abs().max() < 0.05 and (same - picture).abs().max() < 0.05
    assert torch.allclose(moved[:, :, 0], moved[:, :, 1], atol=0.05), "beyond the edge it goes on as at the edge"


def test_a_mean_stays_within_what_it_is_of():
    picture = Noise.of([1]).uniform(3, 8, 8)
    moved = Shifts(4, 3)(picture, Noise.of([2]).normal(5, 4))
    assert moved.shape == (1, 5, 3, 3, 8, 8)
    assert moved.min() >= picture.min() and moved.max() <= picture.max()


def test_how_far_a_thing_moves_is_learned_from_what_is_told():
    shifts, pixels = Shifts(2, 1), torch.arange(32.0)
    learner = torch.optim.Adam(shifts.parameters(), 2e-2)

    def disc(centre):
        return torch.exp(-((pixels[:, None] - centre[:, :1, None]) ** 2 + (pixels - centre[:, 1:, None]) ** 2) / 4.5)[:, None]

    for step in range(300):
        noise = Noise.of(list(range(1000 * step, 1000 * step + 32)))
        centre, told = 8 + 16 * noise.uniform(2), noise.fork("told").normal(2)
        error = (shifts(disc(centre), told[:, None])[:, 0, 0] - disc(centre + 5 * told)).square().mean()
        learner.zero_grad()
        error.backward()
        learner.step()
    gain = UNIT * shifts.where.weight[:2].detach()
    assert torch.allclose(gain, 5 * torch.eye(2), atol=0.3)


def test_places_are_exact_in_coarse_arithmetic():
    """Under autocast, and not coarser than what it is given."""
    shifts, picture = Shifts(2, 1), Noise.of([0]).uniform(3, 32, 32)
    with torch.no_grad():
        shifts.where.weight.zero_()
        shifts.where.bias.copy_(torch.tensor([0.0, 0.0, -30.0]))
    exact = shifts(picture, torch.zeros(1, 1, 2))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(shifts(picture, torch.zeros(1, 1, 2)), exact)
    assert shifts.double()(picture.double(), torch.zeros(1, 1, 2, dtype=torch.float64)).dtype == torch.float64
