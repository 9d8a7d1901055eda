"""Gymnasium's environments by id: they conform, their numbers are Gymnasium's own, and snapshots are exact."""

import importlib.util

import numpy as np
import pytest
import torch

from wam.check import check_env, check_policy
from wam.plan.control.rollout import rollout
from wam.sim.worlds.gym import POLICIES, make
from wam.world import Noise, SpecError

gymnasium = pytest.importorskip("gymnasium", reason='needs the extra "gym"')


@pytest.fixture(scope="module")
def mujoco():
    """Skips where Gymnasium's MuJoCo environments cannot be imported."""
    if any(importlib.util.find_spec(name) is None for name in ("mujoco", "imageio")):
        pytest.skip('needs the extra "gym-mujoco"')


@pytest.mark.parametrize("name", ["InvertedPendulum-v5", "Reacher-v5", "HalfCheetah-v5"])
def test_mujoco_conforms(mujoco, name):
    check_env(make(3, id=name, budget=15)).require()


def test_others_conform_and_are_played_again():
    world = make(3, id="Pendulum-v1", budget=15)
    check_env(world).require()
    assert world.snapshots is None


def test_it_is_gymnasium_s_own_environment(mujoco):
    """The same seed and actions give what Gymnasium gives, to the end of the episode."""
    world, theirs = make(2, id="Hopper-v5"), gymnasium.make("Hopper-v5")
    assert world.spec.budget == 1000 and world.spec.rate == 125
    seeds = torch.tensor([5, 6])
    done = rollout(world, POLICIES["random"](world), 1000, seeds=seeds, noise=Noise.of(seeds))
    assert not bool(done.alive[:, -1].any()) and done.alive.shape[1] < 300  # it falls
    for row in range(2):
        seen, _ = theirs.reset(seed=int(seeds[row]))
        over, step = False, 0
        while not over:
            assert np.array_equal(done.observation.proprio[row, step], seen.astype(np.float32)) and bool(done.alive[row, step])
            step += 1
            seen, reward, over, _, _ = theirs.step(done.actions.low_level[row, step, 0].numpy())
            assert float(done.reward[row, step]) == pytest.approx(reward, abs=1e-6)
        assert not bool(done.alive[row, step])


@pytest.mark.parametrize("name", ["Ant-v5", "Humanoid-v5", "Reacher-v5", "Walker2d-v5"])
def test_snapshots_are_exact_in_the_middle_of_an_episode(mujoco, name):
    """Into another world too, in contact, with rewards that read bodies a substep behind, at another target."""
    world, other = make(2, id=name), make(2, id=name)
    everyone = torch.ones(2, dtype=torch.bool)
    world.reset(everyone, torch.tensor([3, 4]))
    other.reset(everyone, torch.tensor([8, 9]))
    world.step(world.spec.acts.sample(2, 30, Noise.of([1, 2])))
    kept, more = world.save(), world.spec.acts.sample(2, 15, Noise.of([3, 4]))
    expected = world.step(more)
    for again in (world, other):
        again.restore(kept)
        found = again.step(more)
        assert torch.equal(found.observation.proprio, expected.observation.proprio)
        assert torch.equal(found.reward, expected.reward) and torch.equal(found.alive, expected.alive)


def test_policies_conform_and_idle_does_nothing():
    world = make(3, id="Pendulum-v1")
    for policy in POLICIES.values():
        check_policy(policy(world)).require()
    idle = rollout(world, POLICIES["idle"](world), 5, seeds=range(3))
    assert bool((idle.actions.low_level == 0).all())


def test_what_cannot_be_made_explains_itself():
    with pytest.raises(SpecError, match="needs the option id"):
        make(1)
    with pytest.raises(SpecError, match="only a flat Box"):
        make(1, id="CartPole-v1")
    with pytest.raises(SpecError, match="knows no environment 'Pendulumm-v1'"):
        make(1, id="Pendulumm-v1")
    world = make(2, id="Pendulum-v1")
    world.reset(torch.ones(2, dtype=torch.bool), torch.arange(2))
    with pytest.raises(SpecError, match="NaN or infinite"):
        world.step(world.spec.acts.sample(2, 1).map(lambda axes, leaf: leaf * float("nan") if leaf.is_floating_point() else leaf))
    with pytest.raises(SpecError, match=r"shape \(2, T, 1, 1\), got \(3, 1, 1, 1\)"):
        world.step(world.spec.acts.sample(3, 1))
