"""The tasks of the `tabletop` world: how they are put into words, when they are solved, what is left to do, what the goal looks like.

push    the block's middle is over the zone, down on the table
sink    the thing lies in the sink, let go
stack   the block stands on the other, let go
open    the drawer is out by 13 cm; close: it is in up to 2 cm

Chains of these; at their end nothing is held.

clear   dishes in the sink, blocks in the drawer, the drawer closed
dishes  the dishes in the sink, the drawer closed as it was
store   the block in the drawer, the drawer closed
fetch   the block, which starts in the closed drawer, on the table, the drawer closed again
tower   all blocks on top of each other, in any order
"""

import numpy as np

from wam.sim.worlds.tabletop import truth, words
from wam.sim.worlds.tabletop.row import Numbers, Row
from wam.sim.worlds.tabletop.scene import (
    CABINET,
    CLOSED,
    DRAWER_HALF,
    DRAWER_TRAVEL,
    FLOOR,
    HANDLE,
    HIGH_ABOVE,
    OPEN,
    SINK,
    SINK_DEPTH,
    Scene,
)
from wam.sim.worlds.tabletop.words import NAMES, SENTENCES, ZONES

SPREAD = ((-0.055, -0.05), (0.05, 0.05), (-0.055, 0.05), (0.05, -0.05), (0.0, 0.0))  # m, places beside each other in the sink or drawer
FIXED = {"open": words.OPEN, "close": words.CLOSE, "clear": words.CLEAR, "dishes": words.DISHES, "tower": words.TOWER}


def sentence(scene: Scene) -> int:
    """The instruction of a row, into SENTENCES."""
    errand, things = scene.errand, scene.things
    if errand.task in FIXED:
        return SENTENCES.index(FIXED[errand.task])
    name = NAMES[things[errand.thing].name]
    if errand.task == "push":
        text = f"push the {name} to the {ZONES[scene.zones[errand.zone].colour]}"
    elif errand.task == "stack":
        text = f"stack the {name} on the {NAMES[things[errand.other].name]}"
    else:
        text = {
            "sink": f"put the {name} into the sink",
            "store": f"put the {name} into the drawer and close it",
            "fetch": f"take the {name} out of the drawer and close it",
        }[errand.task]
    return SENTENCES.index(text)


def chores(row: Row) -> list[int]:
    """What is to be put away by the tasks clear, dishes and store: no clutter."""
    errand, config = row.scene.errand, row.config
    if errand.task == "store":
        return [errand.thing]
    return list(range(config.blocks if errand.task == "dishes" else 0, config.blocks + config.dishes))


def stowed(row: Row, thing: int) -> bool:
    """Is a thing where "clear the table" wants it?"""
    return truth.in_drawer(row, thing) if row.scene.things[thing].kind == "block" else truth.in_sink(row, thing)


def tower(row: Row) -> list[int]:
    """The blocks that stand on each other from the first block up."""
    found, left = [0], list(range(1, row.config.blocks))
    while above := [thing for thing in left if truth.on(row, thing, found[-1])]:
        found.append(above[0])
        left.remove(above[0])
    return found


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
    if row.held():
        return False
    if errand.task == "tower":
        return _is_tower(row)
    if errand.task == "fetch":
        return row.drawer < CLOSED and truth.on_table(row, errand.thing)
    return row.drawer < CLOSED and all(stowed(row, thing) for thing in chores(row))


def _is_tower(row: Row) -> bool:
    """Every block but one stands on a block of its own."""
    blocks = range(row.config.blocks)
    below = [[other for other in blocks if other != thing and truth.on(row, thing, other)] for thing in blocks]
    supports = [found[0] for found in below if found]
    return len(supports) == len(blocks) - 1 == len(set(supports))


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
    if errand.task == "fetch":
        return {errand.thing: np.array([*things[errand.thing].place, things[errand.thing].half[2]])}, 0.0
    places: dict[int, Numbers] = {}
    if errand.task == "tower":
        heights = np.cumsum([0.0] + [2 * things[block].half[2] for block in range(row.config.blocks)])
        for block in range(1, row.config.blocks):
            places[block] = np.array([*things[0].place, heights[block] + things[block].half[2]])
        return places, None
    for kinds, middle, floor in ((("block",), CABINET, FLOOR), (("cup", "bowl"), SINK, -SINK_DEPTH)):
        mine = [thing for thing in chores(row) if things[thing].kind in kinds]
        for thing, spot in zip(mine, SPREAD, strict=False):
            places[thing] = np.array([middle[0] + spot[0], middle[1] + spot[1], floor + things[thing].half[2]])
    return places, 0.0


def show_goal(row: Row) -> None:
    """Put things where the goal shows them, and the arm where `goal_arm` says. The caller saves before and restores after."""
    places, travel = goal_places(row)
    for thing, place in places.items():
        start = row.thing_at(thing)
        row.data.qpos[start : start + 3] = place
    if travel is not None:
        row.data.qpos[row.drawer_at] = travel
    row.refresh()
    if row.config.goal_arm == "start":
        return
    slides = travel is not None and row.scene.errand.task != "dishes"  # which leaves the drawer as it was
    last = (CABINET[0] - DRAWER_HALF[0] - HANDLE - row.drawer, CABINET[1]) if slides else next(reversed(places.values()))[:2]
    row.stand_at(np.array([*last, HIGH_ABOVE]))
