"""The tasks of the `tabletop` world: how they are put into words, when they are solved, what is left to do, what the goal looks like.

push   the block's middle is over the zone, down on the table
sink   the thing lies in the sink, let go
stack  the block stands on the other, let go
open   the drawer is out by 13 cm; close: it is in up to 2 cm
clear  dishes in the sink, blocks in the drawer, the drawer closed, nothing held
"""

import numpy as np

from wam.sim.worlds.tabletop import truth
from wam.sim.worlds.tabletop.row import Numbers, Row
from wam.sim.worlds.tabletop.scene import CABINET, CLOSED, DRAWER_TRAVEL, OPEN, SINK, SINK_DEPTH, Scene
from wam.sim.worlds.tabletop.words import CLEAR, CLOSE, NAMES, SENTENCES, ZONES
from wam.sim.worlds.tabletop.words import OPEN as OPEN_WORDS

FLOOR = 0.008  # m, top of the drawer's floor
SPREAD = ((-0.055, -0.05), (0.05, 0.05), (-0.055, 0.05), (0.05, -0.05), (0.0, 0.0))  # m, places beside each other in the sink or drawer


def sentence(scene: Scene) -> int:
    """The instruction of a row, into SENTENCES."""
    errand, things = scene.errand, scene.things
    if errand.task == "push":
        text = f"push the {NAMES[things[errand.thing].name]} to the {ZONES[scene.zones[errand.zone].colour]}"
    elif errand.task == "sink":
        text = f"put the {NAMES[things[errand.thing].name]} into the sink"
    elif errand.task == "stack":
        text = f"stack the {NAMES[things[errand.thing].name]} on the {NAMES[things[errand.other].name]}"
    else:
        text = {"open": OPEN_WORDS, "close": CLOSE, "clear": CLEAR}[errand.task]
    return SENTENCES.index(text)


def chores(row: Row) -> list[int]:
    """What "clear the table" is about: blocks and dishes, no clutter."""
    return list(range(row.config.blocks + row.config.dishes))


def stowed(row: Row, thing: int) -> bool:
    """Is a thing where "clear the table" wants it?"""
    return truth.in_drawer(row, thing) if row.scene.things[thing].kind == "block" else truth.in_sink(row, thing)


def solved(row: Row) -> bool:
    """Is the row's task solved at this instant?"""
    errand = row.scene.errand
    if errand.task == "push":
        return truth.in_zone(row, errand.thing, errand.zone)
    if errand.task == "sink":
        return truth.in_sink(row, errand.thing) and errand.thing not in row.held()
    if errand.task == "stack":
        return truth.on(row, errand.thing, errand.other) and errand.thing not in row.held()
    if errand.task == "open":
        return row.drawer > OPEN
    if errand.task == "close":
        return row.drawer < CLOSED
    return row.drawer < CLOSED and not row.held() and all(stowed(row, thing) for thing in chores(row))


def remaining(row: Row) -> float:
    """How far (m) things and the drawer are from where the goal shows them: the mean over those that the task is about."""
    wanted, travel = goal_places(row)
    apart = [float(np.linalg.norm(row.position(thing) - place)) for thing, place in wanted.items()]
    if travel is not None:
        apart.append(abs(row.drawer - travel))
    return sum(apart) / len(apart)


def goal_places(row: Row) -> tuple[dict[int, Numbers], float | None]:
    """Where each thing of the task shall be (m), and how far the drawer shall be out (m; None = as it is)."""
    scene = row.scene
    errand, things = scene.errand, scene.things
    if errand.task == "push":
        return {errand.thing: np.array([*scene.zones[errand.zone].place, things[errand.thing].half[2]])}, None
    if errand.task == "sink":
        return {errand.thing: np.array([*SINK, things[errand.thing].half[2] - SINK_DEPTH])}, None
    if errand.task == "stack":
        below = things[errand.other]
        return {errand.thing: np.array([*below.place, 2 * below.half[2] + things[errand.thing].half[2]])}, None
    if errand.task in ("open", "close"):
        return {}, DRAWER_TRAVEL - 0.01 if errand.task == "open" else 0.0
    places: dict[int, Numbers] = {}
    for kinds, middle, floor in ((("block",), CABINET, FLOOR), (("cup", "bowl"), SINK, -SINK_DEPTH)):
        mine = [thing for thing in chores(row) if things[thing].kind in kinds]
        for thing, spot in zip(mine, SPREAD, strict=False):
            places[thing] = np.array([middle[0] + spot[0], middle[1] + spot[1], floor + things[thing].half[2]])
    return places, 0.0


def show_goal(row: Row) -> None:
    """Put things where the goal shows them; the arm stays. The caller saves before and restores after."""
    places, travel = goal_places(row)
    for thing, place in places.items():
        start = row.thing_at(thing)
        row.data.qpos[start : start + 3] = place
    if travel is not None:
        row.data.qpos[row.drawer_at] = travel
    row.refresh()
