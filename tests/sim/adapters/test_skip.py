"""A world on a slower clock does what the world does, k steps at a time."""

from dataclasses import replace

import torch

from wam.check import check_env
from wam.plan.control.rollout import rollout
from wam.sim.adapters.skip import Held, Skip, faster
from wam.sim.worlds.push import Expert, PushConfig, PushWorld, Wander
from wam.world import Noise


def test_conforms():
    check_env(Skip(PushWorld(4), 3)).require()


def test_every_third_frame_of_the_world():
    seeds = torch.arange(4)
    slow, fast = Skip(PushWorld(4), 3), PushWorld(4)
    everyone = torch.ones(4, dtype=torch.bool)
    for world in (slow, fast):
        world.reset(everyone, seeds)
    actions = slow.spec.acts.sample(4, 2, Noise.of(seeds))
    held = fast.spec.acts.sample(4, 6, Noise.of(seeds)).low_level * 0 + actions.low_level.flatten(1, 2)[:, :, None]
    one = slow.step(actions)
    two = fast.step(fast.spec.acts.sample(4, 6).map(lambda axes, leaf: held if leaf.ndim == 4 else leaf))
    assert torch.equal(one.observation.rgb["top"], two.observation.rgb["top"][:, 2::3])
    assert torch.allclose(one.reward, two.reward.unflatten(1, (2, 3)).sum(2))


def test_a_world_of_chunks_is_seen_where_slow_steps_and_chunks_meet():
    world = PushWorld(2)
    world.spec = replace(world.spec, chunk=4)
    assert [Skip(world, count).spec.chunk for count in (1, 2, 3, 4, 6, 8)] == [4, 2, 4, 1, 2, 1]


def test_a_held_policy_acts_on_the_slower_clock():
    world = PushWorld(4, PushConfig(task="play"))
    seeds = range(4)
    episodes = rollout(Skip(world, 3), Held(Wander(world), 3), 4, seeds=seeds, noise=Noise.of(seeds))
    low_level = episodes.actions.low_level[:, 1:]
    assert low_level.shape == (4, 4, 3, 2) and torch.equal(low_level[:, :, 0], low_level[:, :, 2])
    assert Held(Expert(world), 3).spec.rate == world.spec.rate / 3


def test_a_budget_that_is_no_multiple_ends_in_a_shorter_step():
    """The world's own last step is the end: what comes after it in the same step moves nothing and earns nothing."""
    slow, fast = Skip(PushWorld(2, PushConfig(budget=8)), 3), PushWorld(2, PushConfig(budget=8))
    seeds, everyone = torch.arange(2), torch.ones(2, dtype=torch.bool)
    for world in (slow, fast):
        world.reset(everyone, seeds)
    assert slow.spec.budget == 3
    actions = slow.spec.acts.sample(2, 3, Noise.of(seeds))
    one = slow.step(actions)
    two = fast.step(faster(actions).narrow("T", 0, 8))
    assert one.alive[:, 1].all() and not one.alive[:, 2].any()
    assert torch.equal(one.observation.rgb["top"][:, -1], two.observation.rgb["top"][:, -1])
    assert torch.allclose(one.reward[:, 2], two.reward[:, 6:].sum(1))


def test_who_has_ended_earns_nothing():
    for world in (PushWorld(2, PushConfig(budget=2)), Skip(PushWorld(2, PushConfig(budget=2)), 2)):
        world.reset(torch.ones(2, dtype=torch.bool), torch.arange(2))
        steps = 2 if isinstance(world, PushWorld) else 1
        assert (world.step(world.spec.acts.sample(2, steps)).reward < 0).all()
        later = world.step(world.spec.acts.sample(2, steps))
        assert not later.alive.any() and not later.reward.any()


def test_who_is_not_moved_earns_nothing():
    world = PushWorld(2)
    world.reset(torch.ones(2, dtype=torch.bool), torch.arange(2))
    actions = world.spec.acts.sample(2, 1)
    actions.valid[0] = False
    assert world.step(actions).reward[:, 0].tolist()[0] == 0 and world.truth() is not None
