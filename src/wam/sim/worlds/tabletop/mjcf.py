"""The model of a row as MJCF: an arm of capsules with a gripper, a table with a sink and a drawer, things, zones, cameras.

Six hinges (turn, two pitches, forearm roll, wrist pitch, wrist roll) with position servos and gravity compensation. Two coupled
fingers, driven with limited force; friction alone holds things. MuJoCo takes the larger friction of two: a thing's own on furniture (0.2),
the fingers' on things. Everything is a primitive, so one graphics context draws all.
"""

import math

import numpy as np

from wam.sim.worlds.tabletop.config import COLOURS, ZONE_COLOURS, TabletopConfig
from wam.sim.worlds.tabletop.scene import (
    BASE,
    CABINET,
    DRAWER_HALF,
    DRAWER_HEIGHT,
    DRAWER_TRAVEL,
    HAND,
    HANDLE,
    HANDLE_HEIGHT,
    LINK,
    SHOULDER,
    SINK,
    SINK_DEPTH,
    SINK_HALF,
    TABLE,
    WIDEST,
    ZONE_HALF,
    Gripper,
    Look,
    Scene,
    Thing,
)

SUBSTEP = 0.005  # s
RGB = {
    "red": "0.85 0.15 0.12",
    "green": "0.15 0.65 0.2",
    "blue": "0.15 0.3 0.85",
    "yellow": "0.95 0.82 0.15",
    "purple": "0.55 0.2 0.7",
    "orange": "0.95 0.5 0.1",
}
JOINTS = ("turn", "shoulder", "elbow", "forearm", "wrist", "hand")
LIMITS = ((-2.6, 2.6), (-1.2, 1.9), (0.1, 2.75), (-2.0, 2.0), (-0.4, 2.6), (-3.1, 3.1))  # rad
FIELD_OF_VIEW = {"front": 48.0, "side": 52.0, "wrist": 75.0, "free": 55.0}  # degrees, vertical
WALL = 0.006  # m, of the drawer and of dishes
NO_CONTACT = 'contype="0" conaffinity="0"'


def table_model(scene: Scene, config: TabletopConfig) -> str:
    """The whole row."""
    return f"""<mujoco>
{_header(scene.look)}
<default><geom friction="0.2 0.005 0.0001" solref="0.01 1" condim="3"/></default>
<worldbody>
<light directional="true" pos="0 0 3" dir="{_text(scene.look.sun)}" diffuse="{_grey(scene.look.bright)}" specular="0.1 0.1 0.1" castshadow="false"/>
{_cameras(config)}
{_table(scene.look)}
{_zones(scene)}
{_cabinet(scene.resistance)}
{_arm(scene.gripper)}
{"".join(_thing(index, thing) for index, thing in enumerate(scene.things))}
</worldbody>
<contact><exclude body1="drawer" body2="cabinet"/><exclude body1="drawer" body2="table"/><exclude body1="link4" body2="palm"/></contact>
{_motors()}
</mujoco>"""


def arm_model(gripper: Gripper) -> str:
    """The arm alone with its fingers fixed, for inverse kinematics."""
    return f"<mujoco>{OPTION}<worldbody>{_arm(gripper, moving=False)}</worldbody></mujoco>"


OPTION = f"""<compiler angle="radian" autolimits="true"/>
<option timestep="{SUBSTEP}" integrator="implicitfast" cone="elliptic" impratio="10" iterations="20" tolerance="1e-8"><flag eulerdamp="disable"/></option>
<size memory="2M"/>"""


def _header(look: Look) -> str:
    return f"""{OPTION}
<statistic extent="1.5" center="0 0 0"/>
<visual><quality shadowsize="0" offsamples="0"/><map znear="0.01" zfar="6"/>
<headlight ambient="{_grey(look.ambient)}" diffuse="0.2 0.2 0.2" specular="0 0 0"/></visual>"""


# -- furniture -------------------------------------------------------------------------------------------------------------------


def _table(look: Look) -> str:
    """Four slabs around the hole of the sink, the sink's walls and floor, and the room."""
    left, right, low, high = TABLE
    (x, y), (half_x, half_y) = SINK, SINK_HALF
    slabs = (
        (left, right, low, y - half_y),
        (left, right, y + half_y, high),
        (left, x - half_x, y - half_y, y + half_y),
        (x + half_x, right, y - half_y, y + half_y),
    )
    wood = f'rgba="{_text(look.table)} 1"'
    steel = 'rgba="0.75 0.78 0.8 1"'
    geoms = [_box(((a + b) / 2, (c + d) / 2, -0.015), ((b - a) / 2, (d - c) / 2, 0.015), wood) for a, b, c, d in slabs]
    deep = SINK_DEPTH / 2
    geoms += [_box((x + sign * (half_x + 0.005), y, -deep - 0.001), (0.005, half_y + 0.01, deep - 0.001), steel) for sign in (-1, 1)]
    geoms += [_box((x, y + sign * (half_y + 0.005), -deep - 0.001), (half_x, 0.005, deep - 0.001), steel) for sign in (-1, 1)]
    geoms.append(_box((x, y, -SINK_DEPTH - 0.01), (half_x + 0.01, half_y + 0.01, 0.01), steel))
    ground, walls = f'rgba="{_text(look.floor)} 1" {NO_CONTACT}', f'rgba="{_text(look.wall)} 1" {NO_CONTACT}'
    sides = "".join(_box((side * 2, 0, 0.5), (0.05, 3, 1.5), walls) + _box((0, side * 2, 0.5), (3, 0.05, 1.5), walls) for side in (-1, 1))
    room = _box((0, 0, -0.75), (3, 3, 0.05), ground) + sides
    return f'{room}<body name="table">{"".join(geoms)}</body>'


def _zones(scene: Scene) -> str:
    def one(colour: int, x: float, y: float) -> str:
        return f'<geom type="box" pos="{x} {y} 0.0005" size="{ZONE_HALF} {ZONE_HALF} 0.0005" rgba="{_pale(RGB[ZONE_COLOURS[colour]])} 1" {NO_CONTACT}/>'

    return "".join(one(zone.colour, *zone.place) for zone in scene.zones)


def _cabinet(resistance: float) -> str:
    """A shell without a front, and the drawer that slides out of it towards the robot."""
    (x, y), (half_x, half_y) = CABINET, DRAWER_HALF
    top = DRAWER_HEIGHT + 0.012
    grey, white, dark = 'rgba="0.5 0.45 0.42 1"', 'rgba="0.88 0.86 0.8 1"', 'rgba="0.2 0.2 0.22 1"'
    shell = [
        _box((0, 0, top + 0.005), (half_x, half_y + 0.016, 0.005), grey),
        *(_box((0, sign * (half_y + 0.011), top / 2), (half_x, 0.005, top / 2), grey) for sign in (-1, 1)),
        _box((half_x + 0.006, 0, top / 2), (0.005, half_y + 0.016, top / 2 + 0.005), grey),
    ]
    middle, bottom = 0.005 + DRAWER_HEIGHT / 2, 0.005
    drawer = [
        _box((0, 0, bottom), (half_x, half_y, WALL / 2), white),
        *(_box((sign * (half_x - WALL / 2), 0, middle), (WALL / 2, half_y, DRAWER_HEIGHT / 2), white) for sign in (-1, 1)),
        *(_box((0, sign * (half_y - WALL / 2), middle), (half_x, WALL / 2, DRAWER_HEIGHT / 2), white) for sign in (-1, 1)),
        _box((-half_x - HANDLE, 0, HANDLE_HEIGHT), (0.007, 0.05, 0.007), f'{dark} friction="1 0.01 0.001"'),
        *(_box((-half_x - HANDLE / 2, sign * 0.045, HANDLE_HEIGHT), (HANDLE / 2, 0.005, 0.005), dark) for sign in (-1, 1)),
    ]
    slide = f'<joint name="drawer" type="slide" axis="-1 0 0" range="0 {DRAWER_TRAVEL}" damping="4" frictionloss="{resistance}"/>'
    return f"""<body name="cabinet" pos="{x} {y} 0">{"".join(shell)}</body>
<body name="drawer" pos="{x} {y} 0">{slide}<inertial pos="0 0 0.03" mass="0.5" diaginertia="0.003 0.003 0.003"/>{"".join(drawer)}</body>"""


def _cameras(config: TabletopConfig) -> str:
    """The wrist's camera is part of the arm."""
    places = (("front", (0.78, 0.0, 1.02), (0.07, 0.0, 0.0)), ("side", (0.15, 0.85, 0.85), (0.04, 0.02, 0.0)), ("free", config.free_place, config.free_target))
    return "".join(f'<camera name="{name}" pos="{_text(place)}" xyaxes="{_facing(place, to)}" fovy="{FIELD_OF_VIEW[name]}"/>' for name, place, to in places)


def _facing(place: tuple[float, ...], target: tuple[float, ...]) -> str:
    """The x and y axes of a camera that looks at a target, upright where it can be."""
    back = np.subtract(place, target)
    back = back / np.linalg.norm(back)
    up = np.array([0.0, 0.0, 1.0]) if abs(back[2]) < 0.999 else np.array([1.0, 0.0, 0.0])
    right = np.cross(up, back)
    right = right / np.linalg.norm(right)
    return f"{_text(right)} {_text(np.cross(back, right))}"


# -- the arm ----------------------------------------------------------------------------------------------------------------------


def _arm(gripper: Gripper, *, moving: bool = True) -> str:
    """A chain of capsules along z, bent by its joints. `tip` is the point between the fingers, 1 cm above their ends."""
    shell, dark = 'rgba="0.9 0.9 0.92 1"', 'rgba="0.25 0.27 0.3 1"'
    hinge = [
        f'<joint name="{name}" type="hinge" axis="{axis}" range="{low} {high}" damping="2" armature="0.1"/>'
        for name, axis, (low, high) in zip(JOINTS, ("0 0 1", "0 1 0", "0 1 0", "0 0 1", "0 1 0", "0 0 1"), LIMITS, strict=True)
    ]
    return f"""
<body name="base" pos="{BASE} 0 0"><geom type="capsule" fromto="0 0 -0.7 0 0 0.02" size="0.07" {dark} {NO_CONTACT}/>
<body name="link1" gravcomp="1">{hinge[0]}{_capsule(0, SHOULDER, 0.055, 2.0, shell)}
<body name="link2" pos="0 0 {SHOULDER}" gravcomp="1">{hinge[1]}{_capsule(0, LINK, 0.045, 1.5, shell)}
<body name="link3" pos="0 0 {LINK}" gravcomp="1">{hinge[2]}{_capsule(0, LINK / 2, 0.042, 0.8, shell)}
<body name="link4" pos="0 0 {LINK / 2}" gravcomp="1">{hinge[3]}{_capsule(0, LINK / 2, 0.036, 0.6, shell)}
<body name="link5" pos="0 0 {LINK / 2}" gravcomp="1">{hinge[4]}{_capsule(0, 0.06, 0.034, 0.3, dark)}
<body name="palm" pos="0 0 0.06" gravcomp="1">{hinge[5]}
<geom type="box" pos="0 0 {HAND - 0.08}" size="0.02 0.055 0.02" mass="0.3" {dark}/>
<geom type="capsule" fromto="0 0 0 0 0 0.03" size="0.025" mass="0.1" {shell}/>
<camera name="wrist" pos="-0.075 0 0" xyaxes="0 -1 0 -0.94 0 0.34" fovy="{FIELD_OF_VIEW["wrist"]}"/>
<site name="tip" pos="0 0 {HAND - 0.06 + gripper.length - 0.01}" size="0.002" rgba="0 0 0 0"/>
{_finger("left", 1, gripper, moving)}{_finger("right", -1, gripper, moving)}
</body></body></body></body></body></body></body>"""


def _capsule(low: float, high: float, radius: float, mass: float, look: str) -> str:
    return f'<geom type="capsule" fromto="0 0 {low} 0 0 {high}" size="{radius}" mass="{mass}" {look}/>'


def _finger(name: str, side: int, gripper: Gripper, moving: bool) -> str:
    """A pad that slides outwards from the middle."""
    slide = f'<joint name="{name}" type="slide" axis="0 {side} 0" range="0 {WIDEST}" damping="8" armature="0.05"/>' if moving else ""
    half = f"{gripper.width / 2} {gripper.thickness / 2} {gripper.length / 2}"
    place = f"0 {side * gripper.thickness / 2} {gripper.length / 2}"
    pad = f'<geom type="box" pos="{place}" size="{half}" mass="0.05" friction="1.3 0.02 0.001" condim="4" priority="1" rgba="0.3 0.32 0.36 1"/>'
    return f'<body name="{name} finger" pos="0 0 {HAND - 0.06}" gravcomp="1">{slide}{pad}</body>'


def _motors() -> str:
    gains = zip(JOINTS, (900, 900, 900, 300, 300, 150), (90, 90, 80, 25, 25, 12), (150, 150, 150, 60, 60, 30), strict=True)
    servos = "".join(f'<position name="{name}" joint="{name}" kp="{stiff}" kv="{damp}" forcerange="-{force} {force}"/>' for name, stiff, damp, force in gains)
    return f"""<equality><joint joint1="right" joint2="left" polycoef="0 1 0 0 0" solref="0.01 1"/></equality>
<actuator>{servos}<position name="grip" joint="left" kp="1500" kv="60" ctrlrange="-0.01 {WIDEST}" forcerange="-30 30"/></actuator>"""


# -- things -----------------------------------------------------------------------------------------------------------------------


def _thing(index: int, thing: Thing) -> str:
    """A free body whose origin is its middle."""
    look = f'rgba="{RGB[COLOURS[thing.colour]]} 1" friction="{thing.friction} 0.005 0.0005"'
    radius, across, height = thing.half
    if thing.outline == "box":
        geoms = _box((0, 0, 0), (radius, across, height), f'{look} mass="{thing.mass}"')
    elif thing.outline == "cylinder":
        geoms = f'<geom type="cylinder" size="{radius} {height}" mass="{thing.mass}" {look}/>'
    else:
        geoms = _shell(thing, look)
    (x, y), turn = thing.place, thing.yaw / 2
    place = f'pos="{x} {y} {height - 0.0002}" quat="{math.cos(turn)} 0 0 {math.sin(turn)}"'
    return f'<body name="thing{index}" {place}><freejoint/>{geoms}</body>'


def _shell(thing: Thing, look: str) -> str:
    """A cup or bowl: a round floor and a polygon of walls that stand a little above its underside."""
    radius, _, height = thing.half
    wall = WALL / 2
    middle = radius - wall
    wide = middle * math.tan(math.pi / thing.sides) + wall / 2
    share = thing.mass / (thing.sides + 1)
    geoms = [f'<geom type="cylinder" pos="0 0 {wall - height}" size="{middle} {wall}" mass="{share}" {look}/>']
    for side in range(thing.sides):
        angle = 2 * math.pi * side / thing.sides
        turn = f'quat="{math.cos(angle / 2)} 0 0 {math.sin(angle / 2)}"'
        geoms.append(
            f'<geom type="box" pos="{middle * math.cos(angle)} {middle * math.sin(angle)} 0.001" {turn} size="{wall} {wide} {height - 0.001}" '
            f'mass="{share}" {look}/>'
        )
    return "".join(geoms)


def _box(place: tuple[float, ...], half: tuple[float, ...], rest: str) -> str:
    return f'<geom type="box" pos="{_text(place)}" size="{_text(half)}" {rest}/>'


def _text(numbers: "tuple[float, ...] | np.ndarray") -> str:
    return " ".join(f"{float(number):.6g}" for number in numbers)


def _grey(value: float) -> str:
    return f"{value:.4g} {value:.4g} {value:.4g}"


def _pale(rgb: str) -> str:
    """Half way to white: zones are lighter than things."""
    return _text(tuple(0.45 + 0.5 * float(part) for part in rgb.split()))
