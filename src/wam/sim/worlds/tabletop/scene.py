"""What a row of the `tabletop` world consists of before anything moves, and where the furniture stands.

The world frame lies on the table top: x away from the robot, y to its left, z up. Metres, radians, kilograms.
"""

from dataclasses import dataclass

TABLE = (-0.32, 0.41, -0.53, 0.54)  # x and y of its edges
AREA = (-0.15, 0.15, -0.18, 0.19)  # where things start and zones lie
ZONE_HALF = 0.06
SINK, SINK_HALF, SINK_DEPTH = (0.08, 0.37), (0.13, 0.12), 0.10
CABINET = (0.27, -0.35)  # centre of the closed drawer
DRAWER_HALF, DRAWER_HEIGHT, DRAWER_TRAVEL = (0.10, 0.11), 0.058, 0.18
HANDLE = 0.045  # from the drawer's front to the bar
HANDLE_HEIGHT = 0.045
OPEN, CLOSED = 0.13, 0.02  # m of travel, from which the drawer counts as open and up to which as closed
BASE, SHOULDER, LINK, HAND = -0.55, 0.15, 0.46, 0.12  # the arm: place along x, heights and lengths up to the fingers' roots
FLOOR = 0.008  # m, top of the drawer's floor
STORED = 0.08  # m behind the drawer's front, where a thing lies that starts in it
HIGH_ABOVE = 0.17  # m, height in which the arm travels
WIDEST = 0.04  # m, how far each finger can go out
HOME = (-0.12, 0.0, 0.22)  # where the fingers' tips start
BOUNDS = ((-0.24, 0.32), (-0.48, 0.50), (-0.095, 0.32))  # m, where the fingers' tips may be sent


@dataclass(frozen=True)
class Gripper:
    """The fingers' shape."""

    length: float = 0.075
    width: float = 0.022
    thickness: float = 0.012


@dataclass(frozen=True)
class Thing:
    """A block, cup or bowl."""

    name: int  # into words.NAMES
    kind: str  # of config.KINDS
    outline: str  # "box" | "cylinder" | "shell": a polygon of walls on a floor
    colour: int  # into COLOURS
    half: tuple[float, float, float]  # half extents; a round thing has half[0] = half[1] = radius
    mass: float
    friction: float
    place: tuple[float, float]  # x, y at the start
    yaw: float  # at the start
    sides: int = 8  # of a shell


@dataclass(frozen=True)
class Zone:
    """A coloured square on the table."""

    colour: int  # into ZONE_COLOURS
    place: tuple[float, float]


@dataclass(frozen=True)
class Errand:
    """What is wanted: a task of config.TASKS, and which things and zone it is about (-1 = none)."""

    task: str
    thing: int = -1
    other: int = -1  # the block to stack on
    zone: int = -1


@dataclass(frozen=True)
class Look:
    """Colours (0..1) and light of the room."""

    table: tuple[float, float, float] = (0.72, 0.66, 0.58)
    floor: tuple[float, float, float] = (0.35, 0.38, 0.42)
    wall: tuple[float, float, float] = (0.62, 0.66, 0.68)
    sun: tuple[float, float, float] = (-0.2, 0.25, -1.0)  # direction of the light
    bright: float = 0.5  # of the light from the sun
    ambient: float = 0.35  # of the light from everywhere


@dataclass(frozen=True)
class Scene:
    """One table."""

    things: tuple[Thing, ...]
    zones: tuple[Zone, ...]
    drawer: float  # travel at the start, m
    resistance: float  # N, dry friction of the drawer
    errand: Errand
    look: Look
    gripper: Gripper
    tip: tuple[float, float, float]  # where the fingers' tips start
    stored: int = -1  # the thing that starts in the drawer, not at its place (-1 = none)
