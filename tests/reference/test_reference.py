"""One model of each kind: it conforms, learns within seconds, re-grounds, reaches places through the one planner, and is a world itself."""

from dataclasses import replace

import pytest
import torch

from tests.reference.cached import CachedTransformer
from tests.reference.joint import JointModel
from tests.reference.latent import LatentModel
from tests.reference.learn import learn, reach
from tests.reference.objectives import GoalCloud, GoalPicture, GoalPlace
from tests.reference.pixels import PixelModel
from tests.reference.points import PointModel
from tests.reference.reach import PLACES, ReachWorld, recorded
from tests.reference.rssm import RSSM
from tests.reference.tracks import TrackModel
from wam.check import check_policy, check_world_model
from wam.plan.control.receding import RecedingHorizon
from wam.plan.control.rollout import rollout
from wam.plan.objectives import GoalImage, Reward
from wam.plan.planners import CEM
from wam.use.environment import ImaginedWorld
from wam.world import Noise, Past

RATE = 2e-3
KINDS = {  # what learns, what it is asked for, steps and rate of learning
    "latent": (LatentModel, GoalImage(), 300, RATE),
    "rssm": (RSSM, GoalPlace(), 400, RATE),
    "pixels": (PixelModel, GoalPicture(), 300, 5e-3),
    "points": (PointModel, GoalCloud(), 300, RATE),
    "tracks": (TrackModel, Reward(), 500, RATE),
    "joint": (JointModel, GoalPlace(), 500, RATE),
    "cached": (CachedTransformer, GoalImage(), 500, RATE),
}


@pytest.fixture(scope="module")
def play():
    return recorded()


@pytest.fixture(scope="module")
def trained(play):
    """Each kind, trained once: (model to learn, world model, first and last loss)."""
    found = {}
    for name, (kind, _, steps, rate) in KINDS.items():
        torch.manual_seed(0)
        model = kind(ReachWorld(1).spec)
        curve = learn(model, play, steps=steps, rate=rate)
        found[name] = (model, model.as_world_model() if name == "joint" else model, curve)
    return found


@pytest.mark.parametrize("name", KINDS)
def test_conforms(name, trained):
    check_world_model(trained[name][1]).require()


@pytest.mark.parametrize("name", KINDS)
def test_learns(name, trained):
    curve = trained[name][2]
    bar = 0.85 if name == "joint" else 0.6  # a flow's loss keeps the variance of what cannot be known
    assert sum(curve[-20:]) < bar * sum(curve[:20]), f"loss went from {curve[0]:.3g} to {curve[-1]:.3g}"


@pytest.mark.parametrize("name", KINDS)
def test_reaches(name, trained):
    model, objective = trained[name][1], KINDS[name][1]
    planner = CEM(samples=64, iterations=4, elites=8, colour=1.0)
    success, episodes = reach(lambda env: RecedingHorizon(model, planner, objective, horizon=4))
    apart = (episodes.observation.proprio - PLACES[episodes.task.instruction][:, None]).norm(dim=-1)
    assert success >= 0.4, f"{success:.0%} reached; mean distance {apart[:, 0].mean():.3f} -> {apart[:, -1].mean():.3f} m"


@pytest.mark.parametrize("name", KINDS)
def test_is_a_world(name, trained, play):
    """A random policy in the imagination of each kind: the same loop, no error, and save / restore repeats itself."""
    model = trained[name][1]
    starts = Past(observation=play.observation, actions=play.actions).narrow("T", 0, 2)
    world = ImaginedWorld(model, starts, replace(play.task, goal=None, goal_state=None), batch=4, budget=8)
    everyone = torch.ones(4, dtype=torch.bool)
    world.reset(everyone, torch.arange(4))
    snapshot, actions = world.save(), world.spec.acts.sample(4, 3, Noise.of(range(4)))
    first = world.step(actions)
    world.restore(snapshot)
    again = world.step(actions)
    assert all(torch.equal(one[2], two[2]) for one, two in zip(first.leaves(), again.leaves(), strict=True))


def test_joint_policy_conforms_and_acts(trained):
    policy = trained["joint"][0].as_policy()
    check_policy(policy).require()
    env = ReachWorld(4)
    assert rollout(env, policy, 5, seeds=range(4), noise=Noise.of(range(4))).actions.valid[:, 1:].all()


def test_joint_inverse_finds_the_direction(trained, play):
    found = trained["joint"][0].as_inverse().infer_actions(play.observation.narrow("T", 0, 6))
    assert not found.valid[:, 0].any() and found.valid[:, 1:].all()
    guess, truth = (actions.low_level[:, 1:6, 0].flatten(0, 1) for actions in (found, play.actions))
    moving = truth.norm(dim=-1) > 0.02
    agree = torch.nn.functional.cosine_similarity(guess[moving], truth[moving]).mean()
    assert agree > 0.3, f"mean cosine {agree:.2f}"
