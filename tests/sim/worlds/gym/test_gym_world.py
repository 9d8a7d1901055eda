"""Gymnasium's environments by id: they conform, their numbers are Gymnasium's own, and snapshots are exact."""

import importlib.util

import numpy as np
import pytest
import torch

from wam.check import check_env, check_policy
from wam.data import cut
from wam.evaluate import evaluation_seeds, measure_success
from wam.evaluate.returns import measure_return
from wam.plan.control.rollout import rollout
from wam.sim.adapters.gym_spec import RENDERED
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
    for name, words in (("foo:bar:Baz", "more than one colon"), ("no/such/thing", "cannot make 'no/such/thing': Malformed")):
        with pytest.raises(SpecError, match=words):
            make(1, id=name)
    with pytest.raises(SpecError, match="episode of 0 steps"):
        make(1, id="Pendulum-v1", budget=0)
    world = make(2, id="Pendulum-v1")
    for use in (lambda: world.step(world.spec.acts.sample(2, 1)), world.save, world.alive):
        with pytest.raises(RuntimeError, match="Pendulum-v1 was used before its first reset"):
            use()
    everyone = torch.ones(2, dtype=torch.bool)
    for mask, seeds in ((torch.ones(3, dtype=torch.bool), torch.arange(3)), (everyone, torch.arange(1))):
        with pytest.raises(SpecError, match="made for 2 rows"):
            world.reset(mask, seeds)
    world.reset(everyone, torch.arange(2))
    with pytest.raises(SpecError, match="snapshot has 1 rows, the world Pendulum-v1 2"):
        world.restore(world.save()[:1])
    with pytest.raises(SpecError, match="NaN or infinite"):
        world.step(world.spec.acts.sample(2, 1).map(lambda axes, leaf: leaf * float("nan") if leaf.is_floating_point() else leaf))
    with pytest.raises(SpecError, match=r"shape \(2, T, 1, 1\), got \(3, 1, 1, 1\)"):
        world.step(world.spec.acts.sample(3, 1))


def test_what_an_environment_draws_is_shown_on_request(mujoco):
    """MuJoCo's own rendering, averaged down; beside what is felt, and restored with it."""
    check_env(make(2, id="InvertedPendulum-v5", budget=6, pictures=True, size=24)).require()
    world = make(1, id="Reacher-v5", pictures=True, size=32)
    seen, _ = world.reset(torch.ones(1, dtype=torch.bool), torch.tensor([3]))
    assert world.spec.observes.cameras[RENDERED].height == 32 and seen.rgb[RENDERED].shape == (1, 1, 3, 32, 32)
    theirs = gymnasium.make("Reacher-v5", render_mode="rgb_array")
    theirs.reset(seed=3)
    drawn = theirs.render()
    theirs.close()
    mean = torch.from_numpy(drawn.reshape(32, 15, 32, 15, 3).mean((1, 3))).permute(2, 0, 1)
    assert (seen.rgb[RENDERED][0, 0].double() - mean).abs().mean() < 6  # of 255; near edges a triangle filter is not a box
    assert make(1, id="Reacher-v5").spec.observes.cameras == {}


def test_pictures_that_there_are_not_are_refused():
    if "wam/Blind-v0" not in gymnasium.registry:
        gymnasium.register("wam/Blind-v0", entry_point=Blind, max_episode_steps=5)
        gymnasium.register("wam/Seeing-v0", entry_point=Seeing, max_episode_steps=5)
    with pytest.raises(SpecError, match="it draws nothing"):
        make(1, id="wam/Blind-v0", pictures=True)
    with pytest.raises(SpecError, match=r"shows \['observation'\] without being asked"):
        make(1, id="wam/Seeing-v0", pictures=True)


def test_success_that_nobody_judges_is_absent():
    """Not zero: neither in rollouts, nor on disk, nor where it would be measured."""
    world = make(2, id="Pendulum-v1", budget=4)
    assert not world.spec.judged
    done = rollout(world, POLICIES["idle"](world), 4, seeds=range(2))
    assert done.success is None and all(episode.success is None for episode in cut(done, (), source="idle"))
    seeds = evaluation_seeds(2)
    assert measure_return(world, POLICIES["idle"](world), name="idle", seeds=seeds).solved == ()
    with pytest.raises(SpecError, match="does not say what is solved"):
        measure_success(world, POLICIES["idle"](world), name="idle", seeds=seeds)


class Blind(gymnasium.Env):
    """Draws nothing."""

    metadata = {"render_fps": 5, "render_modes": []}  # noqa: RUF012
    action_space, observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32), gymnasium.spaces.Box(-1, 1, (2,), np.float32)


class Seeing(Blind):
    """Observes pictures, and can draw."""

    metadata = {"render_fps": 5, "render_modes": ["rgb_array"]}  # noqa: RUF012
    observation_space = gymnasium.spaces.Box(0, 255, (8, 8, 3), np.uint8)
