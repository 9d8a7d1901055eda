"""What the arm does for one row to pick, place, push, open or close: small state machines over true poses.

A motion gets the row, its arguments (indices of the row's own things and zones) and its phase, and says what to do now, the next
phase and whether it is done. It goes up before it goes sideways.
"""

import math
from dataclasses import dataclass

import numpy as np

from wam.sim.worlds.tabletop.grasps import across, best_grasp, pushing_height
from wam.sim.worlds.tabletop.row import HIGH, Numbers, Row
from wam.sim.worlds.tabletop.scene import (
    AREA,
    CABINET,
    CLOSED,
    DRAWER_HALF,
    DRAWER_TRAVEL,
    FLOOR,
    HANDLE,
    HANDLE_HEIGHT,
    HIGH_ABOVE,
    SINK,
    SINK_DEPTH,
)
from wam.sim.worlds.tabletop.tasks import SPREAD

NEAR, STRAIGHT = 0.008, 0.06  # m and rad: there
STEP = float(HIGH[0])  # m
WIDE, SHUT, NARROW = 1.0, 0.0, 0.5  # openings
BESIDE = 0.035  # m between a block's outline and the place from where it is pushed
PUSHED = 0.012  # m from the middle of a zone: there
IN_DRAWER = 0.06  # m behind the drawer's front, where things are put in
BEFORE_CABINET = 0.06  # m that the hand needs between a thing in the open drawer and the cabinet
BESIDE_WALL = 0.01  # m that are left between a thing in the drawer and the wall beside it
BAR = 0.02  # m, the open drawer's bar is pulled out to this much before its end


@dataclass(frozen=True)
class Move:
    """What to do now."""

    action: Numbers  # "5"
    phase: int
    done: bool = False


def stay(row: Row, opening: float) -> Numbers:
    """Nowhere."""
    return np.array([0, 0, 0, 0, opening])


def go(row: Row, place: Numbers, yaw: float, opening: float, pace: float = STEP) -> Numbers:
    """Straight towards a place and turn of the hand."""
    way = place - row.place[:3]
    length = float(np.linalg.norm(way))
    way = way * min(1.0, pace / length) if length > 0 else way
    return np.array([*way, np.clip(yaw - row.place[3], -HIGH[3], HIGH[3]), opening])


def there(row: Row, place: Numbers, yaw: float, near: float = NEAR) -> bool:
    """Are the tips at the place, and is the hand turned?"""
    return float(np.linalg.norm(row.tip - place)) < near and abs(row.yaw - yaw) < STRAIGHT


def above(row: Row, place: Numbers, yaw: float, opening: float, height: float = HIGH_ABOVE) -> tuple[Numbers, bool]:
    """Up, then sideways to above a place; and whether it is there."""
    target = np.array([place[0], place[1], max(height, place[2])])
    apart = float(np.linalg.norm(row.tip[:2] - place[:2]))
    if apart > 0.03 and row.tip[2] < height - 0.03:
        return go(row, np.array([*row.place[:2], height]), row.place[3], opening), False
    return go(row, target, yaw, opening), apart < NEAR and abs(row.yaw - yaw) < STRAIGHT


def pick(row: Row, thing: int, phase: int) -> Move:
    """0 above, 1 down, 2 to 4 close, 5 up. Starts again where the thing slipped."""
    if phase < 2:
        grasp = best_grasp(row, thing)
        if phase == 0:
            action, arrived = above(row, grasp.place, grasp.yaw, WIDE)
            return Move(action, int(arrived))
        if float(np.linalg.norm(row.tip[:2] - grasp.place[:2])) > 0.02:
            return Move(stay(row, WIDE), 0)
        return Move(go(row, grasp.place, grasp.yaw, WIDE), 2 if there(row, grasp.place, grasp.yaw) else 1)
    if phase < 5:
        return Move(stay(row, SHUT), phase + 1)
    if thing not in row.held():
        return Move(stay(row, WIDE), 0)
    up = np.array([*row.place[:2], HIGH_ABOVE])
    return Move(go(row, up, row.place[3], SHUT, 0.04), 5, done=row.tip[2] > HIGH_ABOVE - 0.02)


def place(row: Row, thing: int, where: Numbers, phase: int, *, yaw: float | None = None) -> Move:
    """Set the held thing down with its middle at `where` (m), the hand turned to `yaw` or as it is: 0 above, 1 down, 2 to 3 open, 4 up."""
    if phase < 2:
        if thing not in row.held():
            return Move(stay(row, SHUT), phase, done=True)
        tips, turn = row.tip + where - row.position(thing), float(row.place[3]) if yaw is None else yaw
        if phase == 0:
            action, arrived = above(row, tips, turn, SHUT)
            return Move(action, int(arrived))
        down = float(np.abs(row.tip[2] - tips[2])) < 0.004 or row.place[2] < tips[2] - 0.025
        return Move(go(row, tips, turn, SHUT, 0.03), 2 if down else 1)
    ajar = min(1.0, row.opening + 0.25)
    if phase < 4:
        return Move(stay(row, ajar), phase + 1)
    up = np.array([*row.place[:2], HIGH_ABOVE])
    return Move(go(row, up, row.place[3], row.opening + 0.05), 4, done=row.tip[2] > HIGH_ABOVE - 0.03)


def push(row: Row, thing: int, target: Numbers, phase: int) -> Move:
    """Shove a block over the table to a place "2": 0 above the place behind it, 1 down, 2 push, 3 up."""
    here = row.position(thing)[:2]
    way = target - here
    length = float(np.linalg.norm(way))
    ahead = way / max(length, 1e-6)
    if phase == 3 or length < PUSHED:
        up = np.array([*row.place[:2], HIGH_ABOVE])
        return Move(go(row, up, row.place[3], NARROW), 3, done=row.tip[2] > 0.1)
    yaw = across(ahead)
    shape = row.scene.things[thing].half
    low = pushing_height(shape)
    start = np.array([*(here - ahead * (math.hypot(shape[0], shape[1]) + BESIDE)), low])
    if phase == 0:
        action, arrived = above(row, start, yaw, NARROW, 0.1)
        return Move(action, int(arrived))
    if phase == 1:
        return Move(go(row, start, yaw, NARROW), 2 if there(row, start, yaw, 0.012) else 1)
    offset = row.tip[:2] - here
    aside = offset - ahead * float(offset @ ahead)
    if float(offset @ ahead) > 0 or float(np.linalg.norm(aside)) > 0.025:
        return Move(stay(row, NARROW), 0)
    forward = row.place[:2] + ahead * min(0.03, length + 0.01) - 0.6 * aside
    return Move(go(row, np.array([*forward, low]), yaw, NARROW, 0.035), 2)


def slide(row: Row, travel: float, phase: int) -> Move:
    """Take the drawer's bar and pull or push it to a travel (m): 0 above, 1 down, 2 to 4 close, 5 pull or push, 6 to 7 let go, 8 up."""
    bar = np.array([CABINET[0] - DRAWER_HALF[0] - HANDLE - row.drawer, CABINET[1], HANDLE_HEIGHT])
    yaw = along_drawer(row)
    if phase == 0:
        action, arrived = above(row, bar, yaw, NARROW)
        return Move(action, int(arrived))
    if phase == 1:
        return Move(go(row, bar, yaw, NARROW), 2 if there(row, bar, yaw) else 1)
    if phase < 5:
        return Move(stay(row, SHUT), phase + 1)
    left = travel - row.drawer
    if phase == 5:
        if abs(row.tip[0] - bar[0]) > 0.03:
            return Move(stay(row, NARROW), 0)
        action = stay(row, SHUT)
        action[0] = float(np.clip(-1.5 * left, -0.04, 0.04))
        return Move(action, 6 if abs(left) < 0.008 else 5)
    if phase < 8:
        return Move(stay(row, NARROW), phase + 1)
    up = np.array([*row.place[:2], HIGH_ABOVE])
    return Move(go(row, up, row.place[3], NARROW), 8, done=row.tip[2] > HIGH_ABOVE - 0.03)


def along_drawer(row: Row) -> float:
    """The nearer turn of the hand in which the fingers open the way the drawer slides."""
    return math.copysign(math.pi / 2, row.place[3] if abs(row.place[3]) > 0.1 else -1.0)


def reach(row: Row, target: Numbers, phase: int) -> Move:
    """Straight to a place "3", whatever stands in the way; the gripper stays as it is."""
    grip = SHUT if row.held() else row.opening
    return Move(go(row, target, row.place[3], grip), phase, done=float(np.linalg.norm(row.tip - target)) < 2 * NEAR)


# -- places to put things --------------------------------------------------------------------------------------------------------


def spot_in_sink(row: Row, thing: int) -> Numbers:
    """The free place on the sink's floor."""
    height = row.scene.things[thing].half[2] + 0.01 - SINK_DEPTH
    return _free(row, thing, [np.array([SINK[0] + x, SINK[1] + y, height]) for x, y in SPREAD])


def spot_in_drawer(row: Row, thing: int) -> Numbers:
    """The free place in the part of the drawer that is out, for a hand turned `along_drawer`: two beside each other, and one deeper between them."""
    half, front = row.scene.things[thing].half, CABINET[0] - row.drawer - DRAWER_HALF[0]
    side, deep = DRAWER_HALF[1] - max(half[:2]) - BESIDE_WALL, max(IN_DRAWER, row.drawer - BEFORE_CABINET)
    height = FLOOR + half[2] + 0.006
    return _free(row, thing, [np.array([front + x, CABINET[1] + y, height]) for x, y in ((IN_DRAWER, -side), (IN_DRAWER, side), (deep, 0.0))])


def spot_on_table(row: Row, thing: int) -> Numbers:
    """The free place where things start."""
    (left, right, low, high), height = AREA, row.scene.things[thing].half[2] + 0.003
    return _free(row, thing, [np.array([x, y, height]) for x in np.linspace(left, right, 4) for y in np.linspace(low, high, 5)])


def spot_on(row: Row, thing: int, support: int) -> Numbers:
    """On top of a block."""
    half = row.scene.things[support].half[2] + row.scene.things[thing].half[2]
    here: Numbers = row.position(support) + np.array([0, 0, half + 0.003])
    return here


def spot_in_zone(row: Row, thing: int, zone: int) -> Numbers:
    """Down on the table, in the middle of a zone."""
    return np.array([*row.scene.zones[zone].place, row.scene.things[thing].half[2] + 0.003])


def drawer_is_out(row: Row) -> bool:
    """Far enough for things to be put in."""
    return row.drawer > 0.125


def drawer_is_in(row: Row) -> bool:
    """Safely closed."""
    return row.drawer < CLOSED / 2


OUT = DRAWER_TRAVEL - BAR  # m, where the drawer is pulled to


def _free(row: Row, thing: int, spots: list[Numbers]) -> Numbers:
    """The spot that is farthest from other things; the first of equals."""
    others = [row.position(other) for other in range(len(row.scene.things)) if other != thing]
    room = [min((min(float(np.linalg.norm(spot[:2] - other[:2])), 0.12) for other in others), default=0.12) for spot in spots]
    return spots[int(np.argmax(room))]
