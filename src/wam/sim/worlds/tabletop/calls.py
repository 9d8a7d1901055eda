"""Which skill a task of the `tabletop` world needs next, read off the true state of one row."""

from wam.sim.worlds.tabletop import motions, tasks, truth
from wam.sim.worlds.tabletop.row import Row
from wam.sim.worlds.tabletop.skills import CLOSE, OPEN, PICK, PLACE, PUSH, WHERE, Call
from wam.sim.worlds.tabletop.words import NAMES

REST = -1  # instead of a skill: nothing is left to do


def next_call(row: Row) -> Call:
    """What the task needs now; Call(REST) when it is solved."""
    errand, things = row.scene.errand, row.scene.things
    if tasks.solved(row):
        return Call(REST)
    if errand.task == "push":
        return Call(PUSH, (things[errand.thing].name, row.scene.zones[errand.zone].colour))
    if errand.task in ("sink", "stack"):
        where = "sink" if errand.task == "sink" else NAMES[things[errand.other].name]
        return Call(PLACE, (WHERE.index(where),)) if errand.thing in row.held() else Call(PICK, (things[errand.thing].name,))
    if errand.task in ("open", "close"):
        return Call(OPEN if errand.task == "open" else CLOSE)
    if errand.task == "tower":
        return _next_storey(row)
    return _next_of_fetch(row) if errand.task == "fetch" else _next_chore(row)


def _next_storey(row: Row) -> Call:
    """The first block that is not part of the tower goes on its top."""
    things, built = row.scene.things, tasks.tower(row)
    if row.held():
        return Call(PLACE, (WHERE.index(NAMES[things[built[-1]].name]),))
    left = [block for block in range(row.config.blocks) if block not in built]
    return Call(PICK, (things[left[0]].name,)) if left else Call(REST)


def _next_of_fetch(row: Row) -> Call:
    """Open the drawer, take the block out, put it on the table, close the drawer."""
    thing = row.scene.errand.thing
    if thing in row.held():
        return Call(PLACE, (WHERE.index("table"),))
    if truth.on_table(row, thing):
        return Call(CLOSE)
    return Call(PICK, (row.scene.things[thing].name,)) if motions.drawer_is_out(row) else Call(OPEN)


def _next_chore(row: Row) -> Call:
    """Dishes first, then open the drawer, blocks into it, and close it: as far as the task wants it."""
    things, chores = row.scene.things, tasks.chores(row)
    for thing in sorted(row.held() & set(chores)):
        inside = "drawer" if motions.drawer_is_out(row) else "table"  # with a full hand it cannot be opened
        return Call(PLACE, (WHERE.index(inside if things[thing].kind == "block" else "sink"),))
    left = [thing for thing in chores if not tasks.stowed(row, thing)]
    for thing in (thing for thing in left if things[thing].kind != "block"):
        return Call(PICK, (things[thing].name,))
    for thing in left:
        return Call(PICK, (things[thing].name,)) if motions.drawer_is_out(row) else Call(OPEN)
    return Call(CLOSE)
