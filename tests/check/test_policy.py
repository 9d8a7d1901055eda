"""Each broken policy is caught by the right check and by no other; the correct ones pass."""

import dataclasses

import pytest
import torch

from tests.check.broken_things import BROKEN_POLICIES
from tests.check.checkable_models import ACTS, LIMIT
from tests.check.checkable_things import SEES, SmoothPolicy
from wam.check import check_policy
from wam.world import Actions, Future, Imagines, Observation, PolicySpec, Record, Task, record, require_noise


def test_the_correct_policy_passes():
    torch.manual_seed(0)
    report = check_policy(SmoothPolicy(), make=SmoothPolicy, losses=("cloning",))
    assert report.ok, str(report)


@pytest.mark.parametrize(("kind", "checks"), BROKEN_POLICIES, ids=lambda value: getattr(value, "__name__", ""))
def test_broken_policies_are_caught(kind, checks):
    torch.manual_seed(0)
    report = check_policy(kind(), make=kind)
    assert set(report.failed) == checks, str(report)


@record
class Goal(Record):
    goal: Observation


class GoesToTheGoal:
    """Needs a goal, remembers nothing else, is no module, and acts at random to a degree."""

    spec = PolicySpec(observes=SEES, acts=ACTS, goal_conditioned=True)

    def begin(self, batch, task):
        if task.goal is None:
            raise ValueError("this policy needs task.goal.")
        return Goal(goal=task.goal)

    def act(self, memory, since, *, noise=None):
        chance = require_noise(noise, "GoesToTheGoal").normal(1, 2) * 0.01
        push = (memory.goal.proprio - since.observation.proprio[:, -1:] + chance).clamp(-LIMIT, LIMIT)
        return memory, Actions(valid=torch.ones(len(push), 1, 1, dtype=torch.bool), low_level=push[:, :, None])


def test_a_policy_that_needs_a_goal_gets_the_given_one():
    task = Task(goal=SEES.sample(3, 1))
    report = check_policy(GoesToTheGoal(), task=task)
    assert report.ok, str(report)
    assert report.find("deterministic_without_noise").status == "skipped"
    assert check_policy(GoesToTheGoal()).ok  # random goals that it could see
    undeclared = GoesToTheGoal()
    undeclared.spec = PolicySpec(observes=SEES, acts=ACTS)
    assert check_policy(undeclared).failed == ("calls_return_records",)


def test_a_policy_that_does_not_look_at_its_goal_is_caught():
    class Deaf(GoesToTheGoal):
        def begin(self, batch, task):
            goal = super().begin(batch, task).goal
            return Goal(goal=goal.map(lambda axes, leaf: torch.zeros_like(leaf)))

    assert check_policy(Deaf()).failed == ("goal_matters",)


class Imagining(SmoothPolicy, Imagines):
    future = 3

    def imagine(self, memory, since, *, noise=None):
        place = self.update(memory, since).place[:, None].repeat(1, self.future, 1)
        return Future(observation=Observation(proprio=place))


def test_imagined_futures_are_looked_at():
    assert check_policy(Imagining()).find("imagined_future_has_rows").status == "passed"

    class LosesRows(Imagining):
        def imagine(self, memory, since, *, noise=None):
            return super().imagine(memory, since).narrow("B", 0, 1)

    class ImaginesNothing(Imagining):
        def imagine(self, memory, since, *, noise=None):
            return Future()

    assert check_policy(LosesRows()).failed == ("imagined_future_has_rows",)
    assert check_policy(ImaginesNothing()).failed == ("imagined_future_has_rows",)


def test_memory_that_grows_is_caught():
    class Remembers(SmoothPolicy):
        def update(self, memory, since):
            short = super().update(dataclasses.replace(memory, place=memory.place[:, :2]), since)
            return dataclasses.replace(short, place=torch.cat([short.place, short.place[:, :1]], 1))

        def output(self, memory, noise):
            return super().output(dataclasses.replace(memory, place=memory.place[:, :2]), noise)

    assert check_policy(Remembers()).failed == ("memory_keeps_one_structure", "rows_can_restart")


def test_a_crash_at_the_second_decision_is_told_as_one():
    class RunsOnce(SmoothPolicy):
        def act(self, memory, since, *, noise=None):
            if bool(memory.place.any()):
                raise RuntimeError("the cache is full")
            return super().act(memory, since, noise=noise)

    assert "the cache is full" in check_policy(RunsOnce()).find("calls_return_records").came
