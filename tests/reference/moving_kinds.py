"""Each kind of model on the table's task: how it is made and trained, what it is asked for, and with which search."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from tests.reference.cached import CachedTransformer
from tests.reference.joint import JointModel
from tests.reference.latent import LatentModel
from tests.reference.learn import learn
from tests.reference.moving_symbols import as_facts, executor, fitted
from tests.reference.moving_world import GoalState as GoalForm
from tests.reference.moving_world import MovingWorld, as_physical, as_tracks, slow_world
from tests.reference.objectives import GoalCloud, GoalPicture
from tests.reference.physical import PhysicalModel
from tests.reference.pixels import PixelModel
from tests.reference.points import PointModel
from tests.reference.rssm import RSSM
from tests.reference.sliding import sliding
from tests.reference.tracks import TrackModel
from wam.plan.control.receding import RecedingHorizon
from wam.plan.objectives import GoalImage, GoalState, Objective
from wam.plan.planners import CEM
from wam.sim.worlds.push import POLICIES
from wam.world import Env, EnvSpec, Episodes, Noise, Policy

WIDE = CEM(samples=128, iterations=4, elites=16, spread=0.8, colour=1.0)
NARROW = CEM(samples=48, iterations=3, elites=8, spread=0.8, colour=1.0)  # for models whose steps cost more
HORIZON = 5  # model steps of three world steps


@dataclass(frozen=True)
class Entry:
    """A row of the table before it is measured."""

    name: str
    env: Env
    policy: Policy[Any]
    training_seconds: float = 0.0
    parameters: int = 0
    objective: str = ""
    planner: str = ""


@dataclass(frozen=True)
class Learned:
    """A kind that learns by gradient."""

    name: str
    make: Callable[[EnvSpec], Any]
    steps: int
    objective: Objective[Any]
    rate: float = 2e-3
    planner: CEM = WIDE
    blind: bool = False  # without proprioception: the pusher's place would outweigh the disc in the model's vector
    goal: GoalForm = as_physical


LEARNED = (
    Learned("latent", lambda spec: LatentModel(spec, latent=32, hidden=256), 1500, GoalImage(earlier=0.5), rate=3e-3, blind=True),
    Learned("rssm", RSSM, 1500, GoalPicture(earlier=0.5), planner=NARROW, blind=True),
    Learned("pixels", PixelModel, 1000, GoalPicture(earlier=0.5), rate=5e-3, planner=NARROW),
    Learned("points", PointModel, 4500, GoalCloud(earlier=0.5)),
    Learned("tracks", TrackModel, 4500, GoalState(earlier=0.5), goal=as_tracks),
    Learned("joint", JointModel, 1200, GoalPicture(earlier=0.5), planner=NARROW, blind=True),
    Learned("cached", CachedTransformer, 1000, GoalImage(earlier=0.5), blind=True),
)


def references(goals: int) -> Iterator[Entry]:
    """What needs no learning, on the world's own clock."""
    env = MovingWorld(goals)
    for name in ("random", "drive_to_goal", "expert"):
        yield Entry(name, env, POLICIES[name](env.world))


def learned(kind: Learned, data: Episodes, goals: int, seed: int) -> Iterator[Entry]:
    """Train, then plan; the joint model also acts as a policy, which is told no goal."""
    torch.manual_seed(seed)
    started, spec = time.monotonic(), slow_world(1).spec
    model = kind.make(replace(spec, observes=replace(spec.observes, proprio=())) if kind.blind else spec)
    learn(model, data, steps=kind.steps, rate=kind.rate)
    seconds, size = time.monotonic() - started, count(model)
    world = model.as_world_model() if isinstance(model, JointModel) else model
    policy = RecedingHorizon(world, kind.planner, kind.objective, horizon=HORIZON)
    env = slow_world(goals, kind.goal)
    yield Entry(kind.name, env, policy, seconds, size, words(kind.objective), search(kind.planner, HORIZON))
    if isinstance(model, JointModel):
        yield Entry(f"{kind.name} (its policy view)", env, model.as_policy(), seconds, size, "imitates: sees no goal", "none")


def physical(goals: int) -> Entry:
    """Friction and damping are fitted to free sliding from a wrong first guess; it plans on the world's clock."""
    started, env = time.monotonic(), MovingWorld(goals)
    env.reset(torch.ones(goals, dtype=torch.bool), torch.arange(goals))
    known = env.truth().physical
    guess = known.parameters.clone()
    guess[:, 4:6] = torch.tensor([0.15, 1.5])
    model = PhysicalModel(env.spec, replace(known, parameters=guess))
    for _ in model.fit(sliding()[0], noise=Noise.of([0])):
        pass
    seconds, objective = time.monotonic() - started, GoalState(slots=("object 1 x", "object 1 y"), earlier=0.9)
    policy = RecedingHorizon(model, NARROW, objective, horizon=15, execute=3)
    return Entry("physical", env, policy, seconds, count(model), words(objective), search(NARROW, 15))


def operators(goals: int, seed: int) -> Entry:
    """Effects are learned from executions of the skills; a plan of skills is searched and run."""
    torch.manual_seed(seed)
    model, seconds = fitted(seed)
    env = MovingWorld(goals, as_facts)
    return Entry("operators", env, executor(model, env), seconds, count(model), "goal facts: column and row of the disc", "breadth first over skills")


def count(model: torch.nn.Module) -> int:
    """Numbers that are learned by gradient."""
    return sum(parameter.numel() for parameter in model.parameters())


def words(objective: Objective[Any]) -> str:
    """How an objective is written."""
    return f"{objective}"


def search(planner: CEM, horizon: int) -> str:
    """Candidates x iterations x steps."""
    return f"CEM {planner.samples} x {planner.iterations} x {horizon}"
