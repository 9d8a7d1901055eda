"""Parameterised skills of the `tabletop` world, for experts, play, and planners over symbols.

pick(thing), place(where), push(thing, zone), open(), close(), push_to(thing, x, y), reach(x, y, z). A thing is a place in
`words.NAMES`, a zone one in `words.ZONES`, `where` one in WHERE (the sink, the drawer, the table, a zone, a block to stack on).
A skill reads true poses of one row and works until it is done (as a policy: `skill_policies`); a row without such a thing or
place counts as done.
"""

from dataclasses import dataclass

import numpy as np

from wam.sim.worlds.tabletop import motions
from wam.sim.worlds.tabletop.motions import Move
from wam.sim.worlds.tabletop.row import Row
from wam.sim.worlds.tabletop.scene import BOUNDS
from wam.sim.worlds.tabletop.words import BLOCKS, NAMES, ZONES
from wam.world import Skill, Slot

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
        return nothing(row, phase)
    if call.skill == PICK:
        return motions.pick(row, thing, phase)
    if call.skill == PUSH_TO:
        return motions.push(row, thing, np.array(call.arguments[1:]), phase)
    zone = _zone(row, int(call.arguments[1]))
    return nothing(row, phase) if zone is None else motions.push(row, thing, np.array(row.scene.zones[zone].place), phase)


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
        return motions.place(row, held, spot, phase, yaw=yaw) if motions.drawer_is_out(row) else nothing(row, phase)
    if where == "table":
        return motions.place(row, held, motions.spot_on_table(row, held), phase)
    if where in ZONES:
        zone = _zone(row, ZONES.index(where))
        return nothing(row, phase) if zone is None else motions.place(row, held, motions.spot_in_zone(row, held, zone), phase)
    support = _thing(row, NAMES.index(where))
    return nothing(row, phase) if support is None else motions.place(row, held, motions.spot_on(row, held, support), phase)


def _thing(row: Row, name: int) -> int | None:
    return next((index for index, thing in enumerate(row.scene.things) if thing.name == name), None)


def _zone(row: Row, colour: int) -> int | None:
    return next((index for index, zone in enumerate(row.scene.zones) if zone.colour == colour), None)


def nothing(row: Row, phase: int) -> Move:
    """Stand still, done."""
    return Move(motions.stay(row, row.opening), phase, done=True)
