import dataclasses

import pytest
import torch

from tests.plan.mocks import PUSHES, PointWorld, Steady
from wam.plan.control import Guarded, Safety, SafetyError, rollout
from wam.world import Actions, ActionSpec, Noise, Past, SpecError, Task
from wam.world.slots import Slot


class Script(Steady):
    """Plays a list of actions, one per decision."""

    def __init__(self, *actions: tuple[float, float]) -> None:
        super().__init__()
        self.script = iter(actions)

    def act(self, memory, since, *, noise=None):
        self.action = torch.tensor(next(self.script))
        return super().act(memory, since, noise=noise)


NAN = (float("nan"), 0.0)


def test_an_action_that_is_not_finite_is_an_error() -> None:
    for bad in (NAN, (0.0, float("inf"))):
        with pytest.raises(SafetyError, match=r"rows \[0, 1\].*not finite"):
            rollout(PointWorld(2), Guarded(Script((1.0, 1.0), bad), Safety()), 2, seeds=[1, 2])


def test_or_the_last_action_is_held_a_tolerated_number_of_times() -> None:
    guarded = Guarded(Script((1.0, 1.0), NAN, NAN, (0.5, 0.5), NAN, NAN, NAN), Safety(tolerate=2))
    played = rollout(PointWorld(1), guarded, 6, seeds=[1]).actions
    assert played.low_level[0, 1:, 0].tolist() == [[1, 1]] * 3 + [[0.5, 0.5]] * 3 and played.valid[0, 1:].all()
    guarded = Guarded(Script((1.0, 1.0), NAN, NAN, (0.5, 0.5), NAN, NAN, NAN), Safety(tolerate=2))
    with pytest.raises(SafetyError, match="3 times in a row"):
        rollout(PointWorld(1), guarded, 7, seeds=[1])


def test_nothing_is_done_while_nothing_was_executed_before() -> None:
    episodes = rollout(PointWorld(1), Guarded(Script(NAN, NAN, (1.0, 0.0)), Safety(tolerate=2)), 3, seeds=[1])
    assert episodes.actions.valid[0, :, 0].tolist() == [False, False, False, True]
    assert torch.equal(episodes.observation.proprio[:, 2], episodes.observation.proprio[:, 0])


def test_a_row_that_has_ended_does_not_end_the_others() -> None:
    policy, safety = Steady(), Safety()
    guard, since = safety.begin(2, policy.spec), Past(observation=policy.spec.observes.sample(2, 1), actions=PUSHES.sample(2, 1, Noise.of([1, 2])))
    fine = Actions(valid=torch.ones(2, 1, 1, dtype=torch.bool), low_level=torch.full((2, 1, 1, 2), 0.5))
    guard, _ = safety.apply(guard, since, fine, policy.spec)
    bad = dataclasses.replace(fine, low_level=torch.tensor([[0.5, 0.5], NAN]).view(2, 1, 1, 2))
    ended = dataclasses.replace(since, actions=dataclasses.replace(since.actions, valid=torch.tensor([True, False]).view(2, 1, 1)))
    for _ in range(3):
        guard, safe = safety.apply(guard, ended, bad, policy.spec)
        assert safe.low_level is not None and safe.low_level.isfinite().all() and safe.low_level[0].flatten().tolist() == [0.5, 0.5]
    with pytest.raises(SafetyError, match=r"rows \[1\]"):
        safety.apply(guard, since, bad, policy.spec)


def test_relative_slots_stand_still_at_zero() -> None:
    policy = Script((1.0, 1.0), NAN)
    relative = dataclasses.replace(PUSHES, low_level=(dataclasses.replace(PUSHES.low_level[0], relative=True), PUSHES.low_level[1]))
    policy.spec = dataclasses.replace(policy.spec, acts=relative)
    assert rollout(PointWorld(1), Guarded(policy, Safety(tolerate=1)), 2, seeds=[1]).actions.low_level[0, 2, 0].tolist() == [0.0, 1.0]


def test_changes_are_slowed_across_decisions_but_the_first_is_free() -> None:
    guarded = Guarded(Script((2.0, 1.0), (-2.0, 1.0), (-2.0, 3.0), (1.0, 3.0)), Safety(rate=(10.0, 5.0)))  # 1 and 0.5 per step at 10 Hz
    played = rollout(PointWorld(1), guarded, 4, seeds=[1]).actions.low_level
    torch.testing.assert_close(played[0, 1:, 0], torch.tensor([[2.0, 1.0], [1.0, 1.0], [0.0, 1.5], [1.0, 2.0]]))


def test_changes_are_slowed_within_a_chunk_of_several_actions_per_step() -> None:
    acts = ActionSpec(low_level=(Slot(name="a", low=-9.0, high=9.0),), per_step=2)
    spec = dataclasses.replace(Steady().spec, acts=acts)
    safety = Safety(rate=(20.0,))  # 20 Hz of actions: 1 each
    actions = Actions(valid=torch.ones(1, 3, 2, dtype=torch.bool), low_level=torch.tensor([0.0, 9, 9, 9, -9, -9]).view(1, 3, 2, 1))
    since = Past(observation=spec.observes.sample(1, 1), actions=acts.nothing(1, 1))
    _, slow = safety.apply(safety.begin(1, spec), since, actions, spec)
    assert slow.low_level.flatten().tolist() == [0, 1, 2, 3, 2, 1]


def test_rows_are_guarded_on_their_own() -> None:
    policy, safety = Steady(), Safety(tolerate=1)
    since = Past(observation=policy.spec.observes.sample(2, 1), actions=PUSHES.sample(2, 1, Noise.of([1, 2])))
    low_level = torch.tensor([[0.5, 9.0], [torch.nan, 0.0]]).view(2, 1, 1, 2)
    guard, safe = safety.apply(safety.begin(2, policy.spec), since, Actions(valid=torch.ones(2, 1, 1, dtype=torch.bool), low_level=low_level), policy.spec)
    assert guard.faults.tolist() == [0, 1]
    assert safe.low_level[0, 0, 0].tolist() == [0.5, 3.0]
    assert torch.equal(safe.low_level[1, 0], since.actions.low_level[1, 0])


def test_a_wrong_number_of_rates_is_an_error() -> None:
    with pytest.raises(SpecError, match=r"rate has 1 numbers.*2 slots"):
        Guarded(Steady(), Safety(rate=(1.0,))).begin(1, Task())
