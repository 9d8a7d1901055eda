"""The skills of the `tabletop` world as policies: each reads true poses, works until it is done or its steps are spent, and then stands still."""

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from wam.sim.worlds.tabletop import motions
from wam.sim.worlds.tabletop.skills import LIMIT, SKILLS, Call, nothing, run
from wam.sim.worlds.tabletop.world import TabletopWorld
from wam.world import Actions, Noise, ObservationSpec, Past, PolicySpec, Record, Task, record


@record
class Doing(Record):
    """How far a skill is."""

    clock: Int[Tensor, "B"]  # steps so far
    phase: Int[Tensor, "B"]
    done: Bool[Tensor, "B"]


def policy_spec(world: TabletopWorld) -> PolicySpec:
    """The spec of a policy that reads the world instead of its observations."""
    return PolicySpec(observes=ObservationSpec(), acts=world.spec.acts, rate=world.spec.rate)


def fresh_count(world: TabletopWorld, batch: int) -> Int[Tensor, "B"]:
    """A zero per row of the world. ValueError for another batch: a privileged policy goes with its world."""
    if batch != world.batch:
        raise ValueError(f"this policy reads a world of {world.batch} rows, asked for {batch}. Make one for each world.")
    return torch.zeros(batch, dtype=torch.int64)


def one_action(world: TabletopWorld, moves: Tensor, cameras: Tensor | None = None) -> Actions:
    """An action per row "B 5" as one step, within the limits. A camera that is steered goes to `cameras` "B 4 4", or stays."""
    low, high = world.spec.acts.limits()
    low_level = moves.float().clamp(low, high)[:, None, None]
    if world.config.steered_camera:
        cameras = (world.free_cameras() if cameras is None else cameras)[:, None]
    return Actions(valid=torch.ones(low_level.shape[:3], dtype=torch.bool), low_level=low_level, camera=cameras)


def stacked(moves: list[np.ndarray]) -> Tensor:
    """Moves of rows "B 5"."""
    return torch.from_numpy(np.stack(moves))


class TabletopSkill:
    """A skill with its arguments, as a policy."""

    def __init__(self, world: TabletopWorld, skill: int, arguments: tuple[float, ...], limit: int = LIMIT) -> None:
        if len(arguments) != len(SKILLS[skill].parameters):
            raise ValueError(f"{SKILLS[skill].name} takes {[slot.name for slot in SKILLS[skill].parameters]}, got {arguments}.")
        self.world, self.spec, self.limit = world, policy_spec(world), limit
        self.call = Call(skill, arguments)

    def begin(self, batch: int, task: Task) -> Doing:
        """A fresh memory."""
        clock = fresh_count(self.world, batch)
        return Doing(clock=clock, phase=clock, done=clock > 0)

    def act(self, memory: Doing, since: Past, *, noise: Noise | None = None) -> tuple[Doing, Actions]:
        """One move per row; none once it is done."""
        moves, phases, done = [], [], []
        for index, row in enumerate(self.world.rows):
            over = bool(memory.done[index]) or int(memory.clock[index]) >= self.limit
            move = nothing(row, int(memory.phase[index])) if over else run(row, self.call, int(memory.phase[index]))
            grip = 0.0 if row.held() else row.opening
            moves.append(motions.stay(row, grip) if move.done else move.action)
            phases.append(move.phase)
            done.append(move.done)
        return Doing(clock=memory.clock + 1, phase=torch.tensor(phases), done=torch.tensor(done)), one_action(self.world, stacked(moves))


def skill_policies(world: TabletopWorld) -> dict[int, Callable[[tuple[float, ...]], TabletopSkill]]:
    """For `SkillExecutor`: place in SKILLS -> factory of policies."""

    def factory(skill: int) -> Callable[[tuple[float, ...]], TabletopSkill]:
        return lambda arguments: TabletopSkill(world, skill, arguments)

    return {skill: factory(skill) for skill in range(len(SKILLS))}
