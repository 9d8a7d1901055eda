"""What an expert would do next, and nothing at all, grounded: the ceiling and the floor of imagine-then-execute."""

import pytest
import torch

from tests.use.oracles import Overheard, Tells, world
from wam.plan.control.rollout import rollout
from wam.sim.adapters.skip import Skip
from wam.sim.worlds.push import Expert
from wam.use.futures import GroundedFuture, OracleFuture, ZeroFuture
from wam.world import Actions, Imagines, Noise, Observation, ObservationSpec, Past, SpecError, Task

SEEDS = range(2_000_000, 2_000_006)
STEPS, EVERY = 4, 3


def oracle(rows, execute=2):
    live, shadow = Skip(world(rows), EVERY), world(rows)
    expert = Overheard(Expert(shadow))
    foresees = OracleFuture(live, shadow, expert, steps=STEPS, execute=execute)
    return live, grounded(foresees, Tells(expert, STEPS, EVERY), live)


def grounded(foresees, grounder, live):
    seen = ObservationSpec(cameras=live.spec.observes.cameras)
    return GroundedFuture(foresees, grounder, observes=seen, acts=live.spec.acts, rate=live.spec.rate)


def begun(live):
    observation, task = live.reset(torch.ones(live.batch).bool(), torch.tensor(SEEDS)[: live.batch])
    return Past(observation=observation, actions=live.spec.acts.nothing(live.batch, 1)), task


def test_with_a_perfect_grounder_it_solves_what_the_expert_solves():
    env = world(len(SEEDS))
    alone = rollout(env, Expert(env), env.spec.budget, seeds=SEEDS)
    live, policy = oracle(len(SEEDS))
    done = rollout(live, policy, live.spec.budget, seeds=SEEDS, noise=Noise.of(SEEDS))
    assert alone.success[:, -1].all() and torch.equal(done.success[:, -1], alone.success[:, -1])
    assert torch.equal(done.observation.rgb["top"], alone.observation.rgb["top"][:, ::EVERY])  # bit for bit what the expert brings about


def test_an_expert_that_remembers_goes_on_with_what_it_was_doing():
    """Grasping takes many decisions, and an expert that began anew with each would never close the gripper."""
    tabletop = pytest.importorskip("wam.sim.worlds.tabletop", reason='needs the extra "sim"')
    options = dict(tasks=("sink",), blocks=0, dishes=1, zones=0, size=16, segmentation=False)
    live, shadow = Skip(tabletop.make(2, **options), EVERY), tabletop.make(2, **options)
    expert = Overheard(tabletop.Expert(shadow))
    policy = grounded(OracleFuture(live, shadow, expert, steps=STEPS, execute=2), Tells(expert, STEPS, EVERY), live)
    assert rollout(live, policy, live.spec.budget, seeds=SEEDS[:2], noise=Noise.of(SEEDS[:2])).success[:, -1].all()


def test_it_leaves_the_live_world_as_it_was_and_repeats_itself():
    live, policy = oracle(3)
    past, task = begun(live)
    before = live.save()
    first, second = (policy.imagine(policy.begin(3, task), past, noise=Noise.of(range(3))) for _ in range(2))
    assert live.save() is before
    frames = first.observation.rgb["top"]
    assert frames.shape[:2] == (3, STEPS) and frames.is_floating_point() and torch.equal(frames, second.observation.rgb["top"])
    actions = policy.act(policy.begin(3, task), past)[1]
    shown = live.step(actions).observation.rgb["top"]
    assert live.save() is not before and torch.allclose(frames, shown.float() / 255)


class Differences:
    """Inverse dynamics for tests: moves as much as the pictures differ."""

    def ground(self, past: Past, future, task: Task, *, noise=None) -> Actions:
        frames = torch.cat([past.observation.rgb["top"][:, -1:].float() / 255, future.observation.rgb["top"]], 1)
        moved = frames.diff(dim=1).abs().mean((2, 3, 4))[:, :, None, None].expand(-1, -1, EVERY, 2)
        return Actions(valid=torch.ones_like(moved[..., 0]).bool(), low_level=moved)


def test_the_zero_future_moves_nothing():
    live = Skip(world(2), EVERY)
    policy = grounded(ZeroFuture(steps=STEPS, execute=2), Differences(), live)
    done = rollout(live, policy, live.spec.budget, seeds=SEEDS[:2], noise=Noise.of(SEEDS[:2]))
    assert not done.actions.low_level.any() and not done.success.any()
    assert torch.equal(done.observation.rgb["top"], done.observation.rgb["top"][:, :1].expand_as(done.observation.rgb["top"]))
    live, told = oracle(2)
    told.grounder = Differences()
    assert rollout(live, told, 4, seeds=SEEDS[:2]).actions.low_level.any()


def test_what_does_not_fit_explains_itself():
    live, shadow = Skip(world(1), 4), Skip(world(1), 3)
    with pytest.raises(SpecError, match="Expected a whole multiple"):
        OracleFuture(live, shadow, Expert(world(1)), steps=2, execute=1)
    live = Skip(world(1), EVERY)
    policy = grounded(ZeroFuture(steps=1, execute=1), Differences(), live)
    assert isinstance(policy, Imagines)
    with pytest.raises(SpecError, match="futures are grounded in pictures"):
        policy.imagine(policy.begin(1, Task()), Past(observation=Observation(proprio=torch.zeros(1, 1, 2)), actions=live.spec.acts.nothing(1, 1)))
