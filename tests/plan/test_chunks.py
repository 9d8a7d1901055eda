"""Chunk execution against closed forms: a policy's actions say which decision they come from and which place of its chunk they are."""

import dataclasses
import math

import pytest
import torch
from torch import nn

from tests.plan.mocks import SEES, LatentIntegrator, PointWorld, Steady
from wam.check import check_policy
from wam.plan import CEM, GoalImage
from wam.plan.control import RecedingHorizon, rollout
from wam.plan.control.chunks import Asynchronous, Ensembled, FirstOf, overlap
from wam.plan.control.continues import Continues
from wam.plan.control.latency import Metered
from wam.world import Actions, ActionSpec, Noise, Past, SpecError, Task
from wam.world.slots import Slot

ACTS = ActionSpec(low_level=(Slot(name="decision"), Slot(name="index")))
MOVES = ActionSpec(low_level=(Slot(name="step", relative=True, low=-1.5, high=1.5), Slot(name="place")), per_step=2)


class Teller(Steady):
    """Action i of decision n (from 0, per row) is (n, i)."""

    def __init__(self, chunk: int, execute: int = 1) -> None:
        super().__init__(chunk=chunk, execute=execute)
        self.spec = dataclasses.replace(self.spec, acts=ACTS)

    def act(self, memory, since, *, noise=None):
        memory, actions = super().act(memory, since, noise=noise)
        told = torch.stack(torch.broadcast_tensors(memory.calls[:, None] - 1, torch.arange(self.spec.chunk)), -1).float()
        return memory, dataclasses.replace(actions, low_level=told[:, :, None])


class Continued(Teller, Continues):
    """Keeps what it is given, as much as it is told to."""

    def act_on(self, memory, since, planned, weight, *, noise=None):
        self.given = planned, weight
        memory, actions = self.act(memory, since, noise=noise)
        return memory, dataclasses.replace(actions, low_level=torch.where(weight[..., None, None] > 0, planned + 0.25, actions.low_level))


class Wanderer(Steady):
    """Random changes, and beside them where they lead from where the robot is: slot 1 is the sum of slot 0 so far. Two of each a step."""

    def __init__(self, chunk: int, reach: float) -> None:
        super().__init__(chunk=chunk)
        self.spec, self.reach = dataclasses.replace(self.spec, acts=MOVES), reach

    def act(self, memory, since, *, noise=None):
        memory, _ = super().act(memory, since, noise=noise)
        done = torch.where(since.actions.valid, since.actions.low_level[..., 0], 0).sum((1, 2))
        self.place = torch.where(memory.calls == 1, 0, getattr(self, "place", 0)) + done
        steps = self.reach * (2 * Noise.of(memory.calls).uniform(self.spec.chunk, 2) - 1)
        low_level = torch.stack([steps, self.place[:, None, None] + steps.flatten(1).cumsum(1).view_as(steps)], -1)
        return memory, Actions(valid=torch.ones_like(steps, dtype=torch.bool), low_level=low_level)


def world(batch: int = 1, acts: ActionSpec = ACTS) -> PointWorld:
    made = PointWorld(batch, edge=float("inf"))
    made.spec = dataclasses.replace(made.spec, acts=acts)
    return made


def executed(policy, steps: int) -> torch.Tensor:
    """(decision, index) of each executed step of one row."""
    return rollout(world(), policy, steps, seeds=[0]).actions.low_level[0, 1:, 0]


def walked(policy, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Where executed changes led, and the places that a `Wanderer` meant, of each action."""
    done = rollout(world(acts=MOVES), policy, steps, seeds=[0]).actions.low_level[0, 1:].flatten(0, 1)
    return done[:, 0].cumsum(0), done[:, 1]


def since_of(executed: list[bool]) -> Past:
    """One step in each row, executed or not."""
    valid = torch.tensor(executed)[:, None, None]
    spec = Teller(1).spec
    return Past(observation=spec.observes.sample(len(executed), 1), actions=dataclasses.replace(ACTS.sample(len(executed), 1), valid=valid))


def test_the_first_of_a_chunk_are_executed() -> None:
    assert executed(FirstOf(Teller(4), 3), 7).tolist() == [[n, i] for n in range(3) for i in range(3)][:7]
    with pytest.raises(SpecError, match="5 actions of a chunk of 4"):
        FirstOf(Teller(4), 5)


@pytest.mark.parametrize("decay", [0.0, 0.01, 1.0])
def test_an_ensemble_is_the_weighted_mean_of_all_chunks_that_cover_a_step(decay: float) -> None:
    """By brute force: at step t the chunks of decisions t - K + 1 .. t speak, the oldest with weight 1."""
    chunk, steps = 4, 9
    found = executed(Ensembled(Teller(chunk, execute=2), decay), steps)
    for t in range(steps):
        decisions = range(max(0, t - chunk + 1), t + 1)
        weights = torch.tensor([math.exp(-decay * i) for i in range(len(decisions))])
        told = torch.tensor([[float(n), float(t - n)] for n in decisions])
        torch.testing.assert_close(found[t], weights @ told / weights.sum())


def test_an_ensemble_forgets_when_a_row_starts_again_and_only_in_that_row() -> None:
    policy = Ensembled(Teller(3))
    memory = policy.begin(2, Task())
    for _ in range(2):
        memory, before = policy.act(memory, since_of([True, True]))
    assert torch.equal(before.low_level[0], before.low_level[1]) and before.low_level[0, 0, 0, 0] == pytest.approx(0.5, abs=0.01)
    by_step, after = policy.act(memory, since_of([False, True]))
    assert after.low_level[0, 0, 0].tolist() == [2.0, 0.0] and after.low_level[1, 0, 0, 0] < 1.5
    restarted = policy.begin(2, Task()).where(torch.tensor([True, False]), memory)
    _, after_begin = policy.act(restarted, since_of([True, True]))
    assert after_begin.low_level[0, 0, 0].tolist() == [0.0, 0.0] and torch.equal(after_begin.low_level[1], after.low_level[1])
    alone = policy.act(memory.select(torch.tensor([1])), since_of([True]))[1]
    assert torch.equal(alone.low_level, after.low_level[1:]) and bool(by_step.said.sum() > 0)


def test_actions_that_are_not_valid_do_not_speak() -> None:
    class Silent(Teller):
        def act(self, memory, since, *, noise=None):
            memory, actions = super().act(memory, since, noise=noise)
            return memory, dataclasses.replace(actions, valid=actions.valid & (memory.calls > 1)[:, None, None], low_level=actions.low_level + torch.nan)

    policy = Ensembled(Silent(3))
    _, actions = policy.act(policy.begin(1, Task()), since_of([True]))
    assert not actions.valid.any() and actions.low_level.isfinite().all()


def test_the_frozen_prefix_comes_from_the_chunk_that_runs() -> None:
    """Delay 2, every 3 steps: after the first chunk each decision starts with what the last one said of those steps."""
    found = executed(Asynchronous(Teller(6), delay=2, execute=3, join="cut"), 9).tolist()
    assert found == [[0, 0], [0, 1], [0, 2], [0, 3], [0, 4], [1, 2], [1, 3], [1, 4], [2, 2]]


def test_without_delay_a_cut_is_plain_chunk_execution() -> None:
    assert torch.equal(executed(Asynchronous(Teller(6), delay=0, execute=3, join="cut"), 9), executed(FirstOf(Teller(6), 3), 9))


def test_the_soft_mask_is_the_papers() -> None:
    """H = 8, s = 3, d = 2: c_i = (H - s - i) / (H - s - d + 1)."""
    wanted = [1.0, 1.0] + [c * (math.exp(c) - 1) / (math.e - 1) for c in (3 / 4, 2 / 4, 1 / 4)] + [0.0] * 3
    torch.testing.assert_close(overlap(8, frozen=2, left=5), torch.tensor(wanted))
    assert overlap(4, frozen=2, left=2).tolist() == [1, 1, 0, 0]


def test_a_blend_goes_from_the_old_chunk_to_the_new_one() -> None:
    found = executed(Asynchronous(Teller(8), delay=2, execute=3), 6)
    share = overlap(8, frozen=2, left=5)[2]
    torch.testing.assert_close(found[5], share * torch.tensor([0.0, 5.0]) + (1 - share) * torch.tensor([1.0, 2.0]))
    assert found[:5].tolist() == [[0, i] for i in range(5)]


def test_a_policy_that_can_is_given_the_chunk_that_runs_and_cannot_change_the_prefix() -> None:
    policy = Continued(6)
    found = executed(Asynchronous(policy, delay=1, execute=2, join="given"), 4).tolist()
    assert found == [[0, 0], [0, 1], [0, 2], [0.25, 3.25]]
    planned, weight = policy.given
    assert planned[0, :4, 0].tolist() == [[0, 2], [0, 3], [0, 4], [0, 5]] and torch.equal(weight[0], overlap(6, frozen=1, left=4))
    with pytest.raises(SpecError, match="Teller does not declare Continues"):
        Asynchronous(Teller(6), delay=1, execute=2, join="given")


def test_a_row_that_starts_again_takes_its_new_chunk_from_the_beginning() -> None:
    policy = Asynchronous(Teller(4), delay=1, execute=1, join="cut")
    memory, _ = policy.act(policy.begin(2, Task()), since_of([False, False]))
    _, actions = policy.act(memory, since_of([False, True]))
    assert actions.low_level[:, 0, 0].tolist() == [[1, 0], [0, 1]]
    restarted = policy.begin(2, Task()).where(torch.tensor([True, False]), memory)
    assert policy.act(restarted, since_of([False, True]))[1].low_level[:, 0, 0].tolist() == [[0, 0], [0, 1]]


WAYS = {
    "Ensembled": Ensembled,
    "cut": lambda policy: Asynchronous(policy, delay=2, execute=3, join="cut"),
    "blend": lambda policy: Asynchronous(policy, delay=1, execute=2, join="blend"),
}


@pytest.mark.parametrize("wrap", WAYS.values(), ids=WAYS)
def test_changes_lead_to_where_the_joined_chunks_meant(wrap) -> None:
    """A change counts from where its own chunk would be by then; places, which need no such care, are joined beside them."""
    went, meant = walked(wrap(Wanderer(6, reach=0.2)), 12)
    torch.testing.assert_close(went, meant)


def test_what_is_too_far_for_one_action_is_left_to_the_next() -> None:
    went, meant = walked(Asynchronous(Wanderer(6, reach=1.2), delay=2, execute=3, join="cut"), 12)
    steps = went.diff(prepend=torch.zeros(1))
    assert steps.abs().max() <= 1.5 + 1e-5 and (went - meant).abs().max() > 0.1  # somewhere it was too far
    there = (went - meant).abs() < 1e-4
    assert there[(steps.abs() < 1.5 - 1e-4)].all()  # and where nothing was in the way, it is there


@pytest.mark.parametrize(("delay", "execute"), [(3, 2), (2, 5), (-1, 2), (0, 0)])
def test_a_delay_that_leaves_a_gap_is_refused(delay: int, execute: int) -> None:
    with pytest.raises(SpecError, match="delay <= execute <= chunk - delay"):
        Asynchronous(Teller(6), delay=delay, execute=execute)


@pytest.mark.parametrize("wrap", [Ensembled, lambda policy: Asynchronous(policy, delay=0, execute=1)])
def test_only_low_level_actions_are_joined(wrap) -> None:
    policy = Teller(2)
    policy.spec = dataclasses.replace(policy.spec, acts=ActionSpec(low_level=ACTS.low_level, latent=3))
    with pytest.raises(SpecError, match="joins low-level actions only"):
        wrap(policy)


def test_a_meter_counts_decisions_and_network_evaluations_and_changes_nothing() -> None:
    network = nn.Linear(4, 2)

    class Networked(Teller):
        def act(self, memory: object, since: Past, *, noise: object = None) -> tuple[object, Actions]:
            for _ in range(5):
                network(since.observation.proprio)
            return super().act(memory, since, noise=noise)

    metered = Metered(Networked(4, execute=2), network)
    with pytest.raises(ValueError, match="nothing was measured"):
        metered.latency()
    assert torch.equal(executed(metered, 6), executed(FirstOf(Teller(4), 2), 6))
    network(torch.zeros(4))  # between decisions: not the policy's
    found = metered.latency()
    assert found.decisions == 3 and found.evaluations == 5 and 0 < found.milliseconds <= found.slowest
    assert found.hertz == pytest.approx(2 / (found.milliseconds / 1000)) and type(found).from_json(found.to_json()) == found
    assert Metered(Teller(1)).network is None


WRAPS = {
    "FirstOf": lambda policy: FirstOf(policy, 3),
    "Ensembled": Ensembled,
    "cut": lambda policy: Asynchronous(policy, delay=1, execute=2, join="cut"),
    "blend": lambda policy: Asynchronous(policy, delay=1, execute=2),
    "Metered": Metered,
}


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize("wrap", WRAPS.values(), ids=WRAPS)
def test_a_wrapped_planner_still_conforms(wrap, relative: bool) -> None:
    """Rows on their own, memory in the record, restarts, inputs untouched: what `wam check` asks of any policy."""
    model = LatentIntegrator()
    slots = tuple(dataclasses.replace(slot, relative=relative) for slot in model.spec.consumes.low_level)
    model.spec = dataclasses.replace(model.spec, consumes=dataclasses.replace(model.spec.consumes, low_level=slots))
    planner = RecedingHorizon(model, CEM(samples=20, iterations=2, elites=5), GoalImage(), horizon=5, execute=2)
    goals = Task(goal=SEES.sample(8, 1, Noise.of(range(8))))
    report = check_policy(wrap(planner), task=goals)
    assert report.ok, str(report)
