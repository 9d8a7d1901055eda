"""The instrument finds what is named, also on other tables and in blurred pictures."""

import pytest
import torch
from torch.nn import functional as F

from wam.jobs.paradigms.finder import Colours, Sights, fit_finder, middle
from wam.jobs.paradigms.measure import frames, instrument, places
from wam.jobs.paradigms.setting import Asked, policy_of_world, world_of
from wam.jobs.paradigms.worlds import FIRST, SPLITS
from wam.plan.control.rollout import rollout
from wam.world import to_float

ASKED = Asked(goals=12)


@pytest.fixture(scope="module")
def finder():
    return instrument(ASKED, range(40))


@pytest.mark.parametrize("split", SPLITS)
def test_it_errs_by_millimetres_in_every_split(finder, split):
    world = world_of(ASKED, split, ASKED.goals)
    done = rollout(world, policy_of_world("expert", ASKED, world), 20, seeds=range(2_000_000, 2_000_000 + ASKED.goals))
    sought = ASKED.setting.sought(world)
    seen, true = to_float(frames(done.observation, "top"))[:, -1:], places(world.truth().pose, sought)
    blurred = F.avg_pool2d(seen[:, 0], 3, 1, 1, count_include_pad=False)[:, None]
    for shown in (seen, blurred):
        assert (finder(shown, sought.looks) - true).norm(dim=-1).mean() < 0.015


def sights(shown, labels, true):
    looks = torch.arange(true.shape[2]).expand(len(shown), -1)
    return Sights(shown, looks, labels, true)


def dots():
    """A red and a black pixel at known places; metres are twice the distance from the middle, downwards positive."""
    rows, half = torch.arange(20), 3
    x, y = rows % 7, (rows * 3) % 7
    shown, labels = torch.ones(20, 1, 3, 7, 7), torch.full((20, 1, 7, 7), -1)
    shown[rows, 0, :, y, x] = torch.tensor([1.0, 0.0, 0.0])
    labels[rows, 0, y, x] = 0
    away = (x + 1) % 7
    shown[rows, 0, :, y, away] = 0.0
    labels[rows, 0, y, away] = 1
    return shown, labels, torch.stack([torch.stack([2.0 * (at - half), 2.0 * (y - half)], -1) for at in (x, away)], 1)[:, None]


def test_the_place_of_a_colour_is_the_middle_of_its_pixels():
    picture = torch.zeros(1, 5, 5)
    picture[0, 1, 3] = 1.0
    assert torch.allclose(middle(picture), torch.tensor([[0.5, -0.5]]), atol=1e-4)
    assert torch.equal(middle(torch.zeros(1, 5, 5)), torch.zeros(1, 2))


def test_the_map_to_metres_is_fitted():
    found = fit_finder([sights(*dots())], Colours())
    shown, _, true = dots()
    assert torch.allclose(found(shown, torch.tensor([[0, 1]]).expand(20, 2)), true, atol=0.05)


def test_what_else_has_such_colours_does_not_count():
    """Something orange lies in a corner of every picture: within the softness of red, and no thing."""
    shown, labels, true = dots()
    shown[:, 0, :, 0, 0] = torch.tensor([1.0, 0.1, 0.0])
    labels[:, 0, 0, 0] = -1
    clear = [row for row in range(20) if labels[row].eq(0).any() and labels[row].eq(1).any()]
    shown, labels, true = shown[clear], labels[clear], true[clear]
    looks = torch.tensor([[0, 1]]).expand(len(clear), 2)
    blind, told = (fit_finder([sights(shown, labels, true)], colours) for colours in (Colours(), Colours(own=1, other=3, softness=0.03)))
    apart = [(finder(shown, looks) - true).norm(dim=-1)[..., 0].mean() for finder in (blind, told)]
    assert apart[1] < 0.1 < 1 < apart[0]


def test_at_the_table_it_errs_by_about_a_pixel():
    """Tables of a few starts: a pixel is some 30 mm wide."""
    pytest.importorskip("mujoco", reason='needs the extra "sim"')
    asked = Asked(world="tabletop", goals=4, budget=30)
    found = instrument(asked, range(16))
    world = world_of(asked, FIRST, asked.goals)
    done = rollout(world, policy_of_world("expert", asked, world), 30, seeds=range(2_000_000, 2_000_004))
    sought = asked.setting.sought(world)
    seen = frames(done.observation, "front")[:, -1:]
    assert (found(seen, sought.looks) - places(world.truth().pose, sought)).norm(dim=-1).mean() < 0.08
