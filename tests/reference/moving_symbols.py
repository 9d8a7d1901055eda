"""The operator kind on the table's task: the disc's column and row as facts, one `push_to` per cell, effects from executions."""

import time
from dataclasses import replace

import torch
from torch import Tensor

from tests.reference.moving_world import MovingWorld
from tests.reference.operators import OperatorModel, skill_episodes
from tests.reference.sensing import POINTS
from wam.plan.control.rollout import rollout
from wam.plan.control.skills import SkillExecutor
from wam.plan.skills import BreadthFirst
from wam.sim.worlds.push import SKILLS, PushSkill
from wam.world import Facts, FactsSpec, Noise, Observation, Physical, Predicate, Truth, concatenate

LINES = tuple(round(-0.35 + 0.05 * index, 2) for index in range(15))  # m, middles of columns and rows
FACTS = FactsSpec(
    predicates=(Predicate(name="column", types=("object",)), Predicate(name="row", types=("object",))),
    atoms=tuple(f"{name}({line:+.2f})" for name in ("column", "row") for line in LINES),
)
PUSH_TO = [skill.name for skill in SKILLS].index("push_to")
CELLS = tuple((0.0, x, y) for y in LINES for x in LINES)  # arguments: the red disc, where to
EXECUTIONS, STEPS, PATIENCE = 4, 36, 60  # per cell; world steps


def cell(place: Tensor) -> Tensor:
    """ "... 2" in m -> "... F": the nearest column and the nearest row."""
    lines = place.new_tensor(LINES)
    nearest = (place[..., None] - lines).abs().argmin(-1)
    return torch.nn.functional.one_hot(nearest, len(LINES)).bool().flatten(-2)


def as_facts(seen: Observation, state: Physical) -> Facts:
    """The disc's cell at the goal."""
    holds = cell(seen.points.xyz[:, :, 0, :2])
    return Facts(holds=holds, known=torch.ones_like(holds), atoms=FACTS.atoms)


def fitted(seed: int) -> tuple[OperatorModel, float]:
    """The model and the seconds that running every skill and fitting took."""
    started = time.monotonic()
    spec = replace(MovingWorld(1).spec, facts=FACTS)
    model = OperatorModel(spec, (SKILLS[PUSH_TO],), tuple((0, arguments) for arguments in CELLS), points=POINTS, trials=800)
    parts = [_executed(arguments, seed + EXECUTIONS * index) for index, arguments in enumerate(CELLS)]
    for _ in model.fit(concatenate(parts, "B"), noise=Noise.of([seed])):
        pass
    return model, time.monotonic() - started


def executor(model: OperatorModel, env: MovingWorld) -> SkillExecutor:
    """Plans over the facts that the model sees; skills act in `env`."""
    return SkillExecutor(model, BreadthFirst(), {0: lambda arguments: PushSkill(env.world, PUSH_TO, arguments, PATIENCE)}, patience=PATIENCE)


def _executed(arguments: tuple[float, ...], seed: int):
    env, seeds = MovingWorld(EXECUTIONS, budget=STEPS), range(seed, seed + EXECUTIONS)
    done = rollout(env, PushSkill(env.world, PUSH_TO, arguments, STEPS), STEPS, seeds=seeds, noise=Noise.of(seeds))
    ends = skill_episodes(done, 0, torch.tensor(arguments).expand(EXECUTIONS, 3))
    holds = cell(ends.observation.points.xyz[:, :, 0, :2])
    return replace(ends, truth=Truth(facts=Facts(holds=holds, atoms=FACTS.atoms)))
