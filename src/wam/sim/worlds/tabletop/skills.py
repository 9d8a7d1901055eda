"""Parameterised skills of the `tabletop` world, for experts, play, and planners over symbols.

pick(thing), place(where), push(thing, zone), open(), close(), push_to(thing, x, y), reach(x, y, z). A thing is a place in
`words.NAMES`, a zone one in `words.ZONES`, `where` one in WHERE (the sink, the drawer, the table, a zone, a block to stack on).
A skill is a policy that reads true poses, works until it is done or its steps are spent, and then stands still; a row without
such a thing or place counts as done.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from wam.sim.worlds.tabletop import motions
from wam.sim.worlds.tabletop.motions import Move
from wam.sim.worlds.tabletop.row import Row
from wam.sim.worlds.tabletop.scene import BOUNDS
from wam.sim.worlds.tabletop.words import BLOCKS, NAMES, ZONES
from wam.sim.worlds.tabletop.world import TabletopWorld
from wam.world import Actions, Noise, ObservationSpec, Past, PolicySpec, Record, Skill, Slot, Task, record

WHERE = ("sink", "drawer", "table", *ZONES, *BLOCKS)

_THING = Slot(name="thing", meaning="place in words.NAMES")
_PLACE = tuple(Slot(name=axis, unit="m", low=low, high=high) for axis, (low, high) in zip("xyz", BOUNDS, strict=True))
SKILLS = (
    Skill(name="pick", parameters=(_THING,)),
    Skill(name="place", parameters=(Slot(name="where", meaning="place in skills.WHERE"),)),
    Skill(name="push", parameters=(_THING, Slot(name="zone", meaning="place in words.ZONES"))),
    Skill(name="open"),
    Skill(name="close"),
    Skill(name="push_to", parameters=(_THING, *_PLACE[:2])),
    Skill(name="reach", parameters=_PLACE),
)
PICK, PLACE, PUSH, OPEN, CLOSE, PUSH_TO, REACH = range(len(SKILLS))
LIMIT = 80  # steps after which a skill gives up


@dataclass(frozen=True)
class Call:
    """A skill with its arguments."""

    skill: int
    arguments: tuple[float, ...] = ()


def run(row: Row, call: Call, phase: int) -> Move:
    """The next move of a skill in a row."""
    if call.skill == PLACE:
        return _place(row, int(call.arguments[0]), phase)
    if call.skill in (OPEN, CLOSE):
        return motions.slide(row, motions.OUT if call.skill == OPEN else 0.0, phase)
    if call.skill == REACH:
        return motions.reach(row, np.array(call.arguments), phase)
    thing = _thing(row, int(call.arguments[0]))
    if thing is None:
        return _nothing(row, phase)
    if call.skill == PICK:
        return motions.pick(row, thing, phase)
    if call.skill == PUSH_TO:
        return motions.push(row, thing, np.array(call.arguments[1:]), phase)
    zone = _zone(row, int(call.arguments[1]))
    return _nothing(row, phase) if zone is None else motions.push(row, thing, np.array(row.scene.zones[zone].place), phase)


def _place(row: Row, target: int, phase: int) -> Move:
    """What is held goes to where it shall; once it was let go of, the arm only withdraws."""
    held = next(iter(sorted(row.held())), None)
    if phase >= 2 or held is None:
        return motions.place(row, -1 if held is None else held, np.zeros(3), phase)
    where = WHERE[target]
    if where == "sink":
        return motions.place(row, held, motions.spot_in_sink(row, held), phase)
    if where == "drawer":
        spot, yaw = motions.spot_in_drawer(row, held), motions.along_drawer(row)
        return motions.place(row, held, spot, phase, yaw=yaw) if motions.drawer_is_out(row) else _nothing(row, phase)
    if where == "table":
        return motions.place(row, held, motions.spot_on_table(row, held), phase)
    if where in ZONES:
        zone = _zone(row, ZONES.index(where))
        return _nothing(row, phase) if zone is None else motions.place(row, held, motions.spot_in_zone(row, held, zone), phase)
    support = _thing(row, NAMES.index(where))
    return _nothing(row, phase) if support is None else motions.place(row, held, motions.spot_on(row, held, support), phase)


def _thing(row: Row, name: int) -> int | None:
    return next((index for index, thing in enumerate(row.scene.things) if thing.name == name), None)


def _zone(row: Row, colour: int) -> int | None:
    return next((index for index, zone in enumerate(row.scene.zones) if zone.colour == colour), None)


def _nothing(row: Row, phase: int) -> Move:
    return Move(motions.stay(row, row.opening), phase, done=True)


# -- as policies --------------------------------------------------------------------------------------------------------------------


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
            move = _nothing(row, int(memory.phase[index])) if over else run(row, self.call, int(memory.phase[index]))
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
