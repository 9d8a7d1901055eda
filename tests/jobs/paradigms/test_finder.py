"""The instrument finds what is named, also on other tables and in blurred pictures."""

import pytest
import torch
from torch.nn import functional as F

from wam.jobs.paradigms.finder import Sights, across, fit_finder
from wam.jobs.paradigms.measure import frames, instrument, name_of, places_of
from wam.jobs.paradigms.setting import SPLITS, Asked, policy_of_world, world_of
from wam.plan.control.rollout import rollout
from wam.world import to_float

ASKED = Asked(goals=12)


@pytest.fixture(scope="module")
def finder():
    return instrument(ASKED, range(40))


@pytest.mark.parametrize("split", SPLITS)
def test_it_errs_by_millimetres_in_every_split(finder, split):
    world = world_of(ASKED, split, ASKED.goals)
    done = rollout(world, policy_of_world("expert", world), 20, seeds=range(2_000_000, 2_000_000 + ASKED.goals))
    seen, true = to_float(frames(done.observation))[:, -1:], places_of(world)
    blurred = F.avg_pool2d(seen[:, 0], 3, 1, 1, count_include_pad=False)[:, None]
    for shown in (seen, blurred):
        assert (finder(shown, name_of(world)) - true).norm(dim=-1).mean() < 0.015


def test_the_place_of_a_colour_is_the_middle_of_its_pixels():
    picture = torch.zeros(1, 1, 3, 5, 5)
    picture[0, 0, :, 1, 3] = torch.tensor([1.0, 0.5, 0.0])
    assert torch.allclose(across(picture, torch.tensor([[1.0, 0.5, 0.0]])), torch.tensor([[[0.5, -0.5]]]), atol=1e-4)


def test_the_map_to_metres_is_fitted():
    """A red and a black pixel at known places; metres are twice the distance from the middle, downwards positive."""
    rows, middle = torch.arange(20), 3
    x, y = rows % 7, (rows * 3) % 7
    shown, labels = torch.ones(20, 1, 3, 7, 7), torch.full((20, 1, 7, 7), -1)
    shown[rows, 0, :, y, x] = torch.tensor([1.0, 0.0, 0.0])
    labels[rows, 0, y, x] = 0
    away = (x + 1) % 7
    shown[rows, 0, :, y, away] = 0.0
    labels[rows, 0, y, away] = 1
    places = torch.stack([torch.stack([2.0 * (at - middle), 2.0 * (y - middle)], -1) for at in (x, away)], 1)[:, None]
    found = fit_finder(Sights(shown, torch.zeros(20).long(), labels, places), 1)
    assert torch.allclose(found(shown, torch.zeros(20).long()), places, atol=0.05)
