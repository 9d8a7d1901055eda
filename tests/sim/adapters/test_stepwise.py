"""A slower policy, one action at a time: it does what it would do in a world that is shown at its clock, and every frame is there."""

import pytest
import torch

from wam.plan.control.rollout import rollout
from wam.sim.adapters.skip import Held, Skip
from wam.sim.adapters.stepwise import Stepwise, stepwise
from wam.sim.worlds.push import Expert, PushConfig, PushWorld, Wander
from wam.world import Noise, Past, SpecError

CONFIG = PushConfig(budget=8)  # no multiple of 3


def test_does_what_it_does_where_every_third_frame_is_shown():
    slow, fast = PushWorld(4, CONFIG), PushWorld(4, CONFIG)
    seeds = range(4)
    shown = rollout(Skip(slow, 3), Held(Expert(slow), 3), 3, seeds=seeds)
    every = rollout(fast, Stepwise(Held(Expert(fast), 3), 3), 8, seeds=seeds)
    assert every.size("T") == 9 and every.decided[:, 1:].sum(1).tolist() == [3] * 4
    assert torch.equal(every.observation.rgb["top"][:, [0, 3, 6, 8]], shown.observation.rgb["top"])
    assert torch.equal(every.actions.low_level[:, 1:7, 0], shown.actions.low_level[:, 1:3].flatten(1, 2))


def test_it_is_handed_every_third_frame_with_three_actions():
    world = PushWorld(2, CONFIG)
    seen: list[Past] = []

    class Listening(Held):
        def act(self, memory, since, *, noise=None):
            seen.append(since)
            return super().act(memory, since, noise=noise)

    done = rollout(world, Stepwise(Listening(Expert(world), 3), 3), 8, seeds=range(2))
    first, second, _ = seen
    assert first.actions.low_level.shape == (2, 1, 3, 2) and not first.actions.valid.any()
    assert torch.equal(second.observation.rgb["top"][:, 0], done.observation.rgb["top"][:, 3]) and second.actions.valid.all()
    assert torch.equal(second.actions.low_level[:, 0], done.actions.low_level[:, 1:4, 0])


def test_only_a_slower_policy_is_wrapped():
    world = PushWorld(2, CONFIG)
    quick = Wander(world)
    slow = Held(quick, 3)
    assert stepwise(quick, world.spec.rate) is quick and stepwise(slow, slow.spec.rate) is slow
    assert isinstance(stepwise(slow, world.spec.rate), Stepwise) and stepwise(slow, world.spec.rate).spec.rate == pytest.approx(world.spec.rate)


def test_what_does_not_fit_is_said():
    world = PushWorld(2, CONFIG)
    with pytest.raises(SpecError, match="undoes steps of 2 actions, and Held does 3"):
        Stepwise(Held(Expert(world), 3), 2)
    policy = Stepwise(Held(Expert(world), 3), 3)
    since = rollout(world, policy, 8, seeds=range(2)).narrow("T", 1, 5)
    with pytest.raises(ValueError, match="4 frames came since the last decision, expected a multiple of 3"):
        policy.act(policy.begin(2, since.task), Past(observation=since.observation, actions=since.actions), noise=Noise.of(range(2)))
