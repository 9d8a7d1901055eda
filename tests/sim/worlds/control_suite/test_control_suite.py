"""The control suite: it conforms, its numbers are the suite's own, and snapshots are exact. Run by `make test-suite`."""

import numpy as np
import pytest
import torch

from wam.check import check_env
from wam.plan.control.rollout import rollout
from wam.sim.worlds.control_suite import POLICIES, ControlSuiteConfig, make
from wam.world import Noise, SpecError

suite = pytest.importorskip("dm_control.suite", reason='needs the extra "control-suite" in an environment of its own: make test-suite')

TASKS = ["cartpole_swingup", "reacher_easy", "cheetah_run", "walker_walk", "finger_spin", "ball_in_cup_catch", "fish_swim", "hopper_hop"]


@pytest.mark.parametrize("task", ["cartpole_swingup", "reacher_easy", "walker_walk"])
def test_conforms(task):
    check_env(make(3, task=task, control_steps=30)).require()


def test_the_clock_is_the_field_s():
    spec = make(1, task="cartpole_swingup").spec
    assert (spec.name, spec.rate, spec.budget) == ("cartpole_swingup", 50.0, 500)
    assert [slot.name for slot in spec.observes.proprio] == ["position_0", "position_1", "position_2", "velocity_0", "velocity_1"]
    assert [(slot.low, slot.high) for slot in spec.acts.low_level] == [(-1.0, 1.0)] and not spec.observes.cameras
    assert make(1, task="cartpole_swingup", repeat=4).spec.budget == 250


@pytest.mark.parametrize("task", TASKS)
def test_it_is_the_suite_s_own_task(task):
    """Same seed, same actions held twice: the observations and summed rewards of an environment loaded with that seed."""
    domain, _, name = task.rpartition("_")
    world, seeds = make(2, task=task, control_steps=60), torch.tensor([12, 7])
    done = rollout(world, POLICIES["random"](world), 30, seeds=[1, 2], noise=Noise.of(seeds))  # what came before does not matter
    done = rollout(world, POLICIES["random"](world), 30, seeds=seeds, noise=Noise.of(seeds))
    assert done.reward.shape == (2, 31) and bool(done.alive[:, :-1].all()) and not bool(done.alive[:, -1].any())
    for row in range(2):
        theirs = suite.load(domain, name, task_kwargs={"random": int(seeds[row])})
        now = theirs.reset()
        for step in range(31):
            if step:
                first, now = (theirs.step(done.actions.low_level[row, step, 0].numpy()) for _ in range(2))
                assert float(done.reward[row, step]) == pytest.approx(first.reward + now.reward, abs=1e-6)
            seen = np.concatenate([np.ravel(part) for part in now.observation.values()]).astype(np.float32)
            assert np.array_equal(done.observation.proprio[row, step], seen)


@pytest.mark.parametrize("task", TASKS)
def test_snapshots_are_exact_in_the_middle_of_an_episode(task):
    """Into a world that was somewhere else too: clocks, targets, contacts and the solver's start included."""
    world, other, everyone = make(2, task=task, control_steps=90), make(2, task=task, control_steps=90), torch.ones(2, dtype=torch.bool)
    world.reset(everyone, torch.tensor([3, 4]))
    other.reset(everyone, torch.tensor([8, 9]))
    other.step(other.spec.acts.sample(2, 40))
    world.step(world.spec.acts.sample(2, 25, Noise.of([1, 2])))
    kept, more = world.save(), world.spec.acts.sample(2, 20, Noise.of([3, 4]))
    expected, physics = world.step(more), world.envs[0].inner.physics.get_state()
    for again in (world, other, other):
        again.restore(kept)
        found = again.step(more)
        assert torch.equal(found.observation.proprio, expected.observation.proprio) and torch.equal(found.reward, expected.reward)
        assert np.array_equal(again.envs[0].inner.physics.get_state(), physics)
        assert again.envs[0].inner.physics.time() == world.envs[0].inner.physics.time()
        assert found.alive.sum(1).tolist() == [19, 19]  # 45 decisions, 25 done before


def test_rewards_and_returns_have_their_range():
    """A pole that hangs gives next to nothing; a reward is at most 1 a control step."""
    world = make(4, task="reacher_easy")
    done = rollout(world, POLICIES["random"](world), 500, seeds=range(4), noise=Noise.of(range(4)))
    assert float(done.reward.min()) >= 0 and float(done.reward.max()) <= 2 and done.alive[0].sum() == 500
    hanging = make(2, task="cartpole_swingup")
    assert float(rollout(hanging, POLICIES["idle"](hanging), 500, seeds=range(2)).reward.sum(1).max()) < 150


def test_what_cannot_be_made_explains_itself():
    with pytest.raises(SpecError, match="Did you mean 'cartpole_swingup'"):
        make(1, task="cartpole_swing_up")
    with pytest.raises(SpecError, match="must be a multiple"):
        ControlSuiteConfig(task="cartpole_swingup", repeat=3)
