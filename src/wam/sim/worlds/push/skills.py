"""Parameterised skills of the `push` world, for planners over symbols.

push(object, zone), reach(object), push_to(object, x, y), reach_place(x, y). Objects and zones are places in `words.NAMES` and
`words.ZONES`. A skill is a policy that reads true poses, works until it is done or its steps are spent, and then stands still;
a row without such an object or zone counts as done.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.sim.worlds.push.config import SHAPES
from wam.sim.worlds.push.experts import fresh_count, one_action, policy_spec
from wam.sim.worlds.push.scene import HALF_TABLE, length
from wam.sim.worlds.push.steering import Table, go, shove
from wam.sim.worlds.push.world import PushWorld
from wam.world import Actions, Noise, Past, Record, Skill, Slot, Task, record

_OBJECT, _ZONE = Slot(name="object", meaning="place in words.NAMES"), Slot(name="zone", meaning="place in words.ZONES")
_PLACE = tuple(Slot(name=axis, unit="m", low=-HALF_TABLE, high=HALF_TABLE) for axis in "xy")

SKILLS = (
    Skill(name="push", parameters=(_OBJECT, _ZONE)),
    Skill(name="reach", parameters=(_OBJECT,)),
    Skill(name="push_to", parameters=(_OBJECT, *_PLACE)),
    Skill(name="reach_place", parameters=_PLACE),
)
NEAR_ENOUGH = 0.02  # m, of a place
TOUCH = 0.003  # m, gap at which an object counts as reached


@dataclass(frozen=True)
class Step:
    """What a skill does now."""

    push: Float[Tensor, "B 2"]  # m
    done: Bool[Tensor, "B"]


Arguments = tuple[float, ...]
Motion = Callable[[PushWorld, Arguments], Step]


def push(world: PushWorld, arguments: Arguments) -> Step:
    """Shove an object well into a zone."""
    table, which, here = _find_object(world, arguments[0])
    zones, rows = world.moment.scene.zones, torch.arange(world.batch, device=world.device)
    if not zones.shape[1]:
        return _nothing(table)
    fits = world.moment.scene.zone_colour == int(arguments[1])
    zone = zones[rows, fits.to(torch.int64).argmax(1)]
    inside = (table.objects[rows, which, :2] - zone[:, :2]).abs().amax(1) < 0.6 * zone[:, 2]
    return Step(shove(table, which, zone[:, :2]), inside | ~here | ~fits.any(1))


def reach(world: PushWorld, arguments: Arguments) -> Step:
    """Touch an object gently: slow down over the last centimetres."""
    table, which, here = _find_object(world, arguments[0])
    rows = torch.arange(world.batch, device=world.device)
    gap = table.gap[rows, which]
    way = go(table, table.objects[rows, which, :2], ignore=which)
    pace = torch.where(length(way) > gap, gap.clamp(min=TOUCH) / length(way).clamp(min=1e-6), 1)
    return Step(way * pace[:, None], (gap < TOUCH) | ~here)


def push_to(world: PushWorld, arguments: Arguments) -> Step:
    """Shove an object to a place."""
    table, which, here = _find_object(world, arguments[0])
    place = _place(table, arguments[1:])
    rows = torch.arange(world.batch, device=world.device)
    return Step(shove(table, which, place), (length(table.objects[rows, which, :2] - place) < NEAR_ENOUGH) | ~here)


def reach_place(world: PushWorld, arguments: Arguments) -> Step:
    """Drive to a place, around objects."""
    table = Table.of(world.moment.scene, world.moment.state)
    place = _place(table, arguments)
    return Step(go(table, place), length(table.pusher - place) < NEAR_ENOUGH)


MOTIONS: tuple[Motion, ...] = (push, reach, push_to, reach_place)  # in the order of SKILLS


@record
class Doing(Record):
    """How far a skill is."""

    clock: Int[Tensor, "B"]  # steps so far
    done: Bool[Tensor, "B"]


class PushSkill:
    """A skill with its arguments, as a policy."""

    def __init__(self, world: PushWorld, skill: int, arguments: Arguments, limit: int = 60) -> None:
        if len(arguments) != len(SKILLS[skill].parameters):
            raise ValueError(f"{SKILLS[skill].name} takes {[slot.name for slot in SKILLS[skill].parameters]}, got {arguments}.")
        self.world, self.spec = world, policy_spec(world)
        self.motion, self.arguments = MOTIONS[skill], arguments
        self.limit = limit  # steps after which it gives up

    def begin(self, batch: int, task: Task) -> Doing:
        """A fresh memory."""
        clock = fresh_count(self.world, batch)
        return Doing(clock=clock, done=clock > 0)

    def act(self, memory: Doing, since: Past, *, noise: Noise | None = None) -> tuple[Doing, Actions]:
        """One displacement; none once it is done."""
        step = self.motion(self.world, self.arguments)
        done = memory.done | step.done | (memory.clock >= self.limit)
        return Doing(clock=memory.clock + 1, done=done), one_action(torch.where(done[:, None], 0, step.push))


def skill_policies(world: PushWorld) -> dict[int, Callable[[Arguments], PushSkill]]:
    """For `SkillExecutor`: place in SKILLS -> factory of policies."""

    def factory(skill: int) -> Callable[[Arguments], PushSkill]:
        return lambda arguments: PushSkill(world, skill, arguments)

    return {skill: factory(skill) for skill in range(len(SKILLS))}


def _find_object(world: PushWorld, name: float) -> tuple[Table, Int[Tensor, "B"], Bool[Tensor, "B"]]:
    """The table, the object of that name in each row, and whether there is one."""
    scene = world.moment.scene
    fits = len(SHAPES) * scene.colour + scene.shape == int(name)
    return Table.of(scene, world.moment.state), fits.to(torch.int64).argmax(1), fits.any(1)


def _place(table: Table, xy: Arguments) -> Float[Tensor, "B 2"]:
    return table.pusher.new_tensor(xy).expand_as(table.pusher)


def _nothing(table: Table) -> Step:
    return Step(torch.zeros_like(table.pusher), torch.ones_like(table.pusher[:, 0], dtype=torch.bool))
