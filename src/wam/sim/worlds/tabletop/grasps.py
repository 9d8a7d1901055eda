"""Where to take hold of things: places between the fingers and turns of the hand, from true poses.

A block is taken across two of its sides, a cup around its wall, a bowl at its rim with one finger inside.
"""

import math
from dataclasses import dataclass

import numpy as np

from wam.sim.worlds.tabletop.row import Numbers, Row

WIDEST_GRASP = 0.068  # m between the fingers
FINGER = 0.056  # m from the middle to the outside of an open finger
ROOM = 0.004  # m that a finger needs beside other things
SINK_IN = 0.014  # m, the tips stay this far above whatever the thing stands on


@dataclass(frozen=True)
class Grasp:
    """A place of the tips "3" (m) and a turn of the hand (rad)."""

    place: Numbers
    yaw: float


def best_grasp(row: Row, thing: int) -> Grasp:
    """The one with room for the fingers that needs the least turning; the roomiest where none has room."""
    found = [Grasp(grasp.place, _near(grasp.yaw, row.place[3])) for grasp in grasps(row, thing)]
    rooms = [min(_room(row, thing, grasp), ROOM) for grasp in found]
    far = [float(np.linalg.norm(grasp.place[:2] - row.place[:2])) for grasp in found]
    costs = [abs(grasp.yaw - row.place[3]) + 3 * apart - 500 * room for grasp, apart, room in zip(found, far, rooms, strict=True)]
    return found[int(np.argmin(costs))]


def grasps(row: Row, thing: int) -> list[Grasp]:
    """All that the shape offers, as it lies now."""
    shape, middle, axes = row.scene.things[thing], row.position(thing), row.rotation(thing)
    upright = int(np.abs(axes[2]).argmax())
    if shape.outline == "box":
        flat = [axis for axis in range(3) if axis != upright]
        low = middle[2] - shape.half[upright]
        place = np.array([*middle[:2], max(middle[2], low + SINK_IN)])
        return [Grasp(place, _across(axes[:2, axis])) for axis in flat if 2 * shape.half[axis] < WIDEST_GRASP]
    if upright != 2:  # a round thing that lies on its side: across its axis
        return [Grasp(middle, _across(np.array([-axes[1, 2], axes[0, 2]])))]
    around = [np.array([math.cos(angle), math.sin(angle)]) for angle in np.arange(8) * math.pi / 4]
    if shape.kind == "bowl":
        facing = axes[:2, 0] / np.linalg.norm(axes[:2, 0])
        turn = np.array([[facing[0], -facing[1]], [facing[1], facing[0]]])
        rim = [turn @ side for side in around]
        return [Grasp(middle + np.array([*(side * (shape.half[0] - 0.003)), 0.002]), _across(side)) for side in rim]
    lift = 0.012 if shape.outline == "shell" else 0.0
    return [Grasp(middle + np.array([0, 0, lift]), _across(side)) for side in around]


def _across(direction: Numbers) -> float:
    """The hand's turn that lets the fingers close along a direction."""
    return math.atan2(-direction[0], direction[1])


def _near(yaw: float, now: float) -> float:
    """The same grasp, half turns aside, nearest to a turn and within the hand's range."""
    turns = [yaw + half * math.pi for half in (-2, -1, 0, 1, 2)]
    return min((turn for turn in turns if abs(turn) <= math.pi / 2 + 0.25), key=lambda turn: abs(turn - now))


def _room(row: Row, thing: int, grasp: Grasp) -> float:
    """Free space (m) between the open fingers and the other things."""
    along = np.array([-math.sin(grasp.yaw), math.cos(grasp.yaw)])
    room = math.inf
    for other, shape in enumerate(row.scene.things):
        if other == thing or abs(row.position(other)[2] - grasp.place[2]) > 0.08:
            continue
        reach = max(shape.half[0], shape.half[1])
        for side in (-1, 1):
            finger = grasp.place[:2] + side * along * FINGER
            room = min(room, float(np.linalg.norm(row.position(other)[:2] - finger)) - reach - 0.008)
    return room


def across(ahead: Numbers) -> float:
    """The turn of the hand, within a quarter of a turn, with which both fingers push along a direction "2"."""
    return (math.atan2(ahead[1], ahead[0]) + math.pi / 2) % math.pi - math.pi / 2


def pushing_height(half: tuple[float, float, float]) -> float:
    """Of the tips (m), for a block of these half extents."""
    return max(0.02, min(0.03, half[2]))
