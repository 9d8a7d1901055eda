"""Each broken planner is caught by the right check and by no other; the correct one passes."""

import pytest
import torch

from tests.check.broken_things import BROKEN_PLANNERS
from tests.check.checkable_things import SmallSearch
from wam.check import check_planner
from wam.check.problems import bowl


def test_the_correct_planner_passes():
    report = check_planner(SmallSearch())
    assert report.ok, str(report)


@pytest.mark.parametrize(("kind", "checks"), BROKEN_PLANNERS, ids=lambda value: getattr(value, "__name__", ""))
def test_broken_planners_are_caught(kind, checks):
    torch.manual_seed(0)
    report = check_planner(kind())
    assert set(report.failed) == checks, str(report)


def test_the_optimum_of_a_bowl_is_known():
    problem = bowl(torch.device("cpu"))
    assert torch.allclose(problem.of(problem.best()), torch.zeros(5), atol=1e-9)
    assert bool((problem.middle() > 0.9).all())
    beyond = bowl(torch.device("cpu"), beyond=3.0)
    corner, inside = beyond.best(), beyond.best() * 0.99 + 0.01 * (beyond.low + beyond.high) / 2
    assert bool(((corner == beyond.low) | (corner == beyond.high)).all())
    assert bool((beyond.of(corner) < beyond.of(inside)).all())
