"""What only the simulator knows of a row of the `tabletop` world: relations, facts, poses, tracks, contacts, scene flow. One instant.

Relations are geometric, in metres: a thing is in the drawer, the sink or a zone when its middle is; it stands on a block when it
touches it from above with its middle over it; it is held when both fingers press on it.
"""

import functools
import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from wam.sim.engines import mujoco as engine
from wam.sim.worlds.tabletop.row import Numbers, Row
from wam.sim.worlds.tabletop.scene import CABINET, CLOSED, DRAWER_HALF, DRAWER_HEIGHT, OPEN, SINK, SINK_HALF, ZONE_HALF
from wam.sim.worlds.tabletop.words import ATOMS, NAMES, ZONES

TRACKED = np.array([(0, 0, 1), (0.7, 0, 1), (-0.7, 0, 1), (0, 0.7, 1), (0, -0.7, 1.0)])  # points on a thing, in half extents


@functools.cache
def atom(text: str) -> int:
    """The place of an atom in the table."""
    return ATOMS.index(text)


def in_zone(row: Row, thing: int, zone: int) -> bool:
    """Is its middle over the zone, and is it down on the table?"""
    place = row.position(thing)
    return bool(np.abs(place[:2] - row.scene.zones[zone].place).max() < ZONE_HALF and place[2] < row.scene.things[thing].half[2] + 0.015)


def in_sink(row: Row, thing: int) -> bool:
    """Is its middle within the sink and below the table top?"""
    place = row.position(thing)
    return bool(place[2] < 0 and (np.abs(place[:2] - SINK) < SINK_HALF).all())


def in_drawer(row: Row, thing: int) -> bool:
    """Is its middle within the drawer's box, wherever the drawer is?"""
    place = row.position(thing) - np.array([CABINET[0] - row.drawer, CABINET[1], 0])
    return bool((np.abs(place[:2]) < DRAWER_HALF).all() and 0 < place[2] < DRAWER_HEIGHT + 0.005)


def on_table(row: Row, thing: int) -> bool:
    """Does it stand or lie on the table top?"""
    return bool((row.table, int(row.bodies[thing])) in row.contacts() and row.position(thing)[2] > 0)


def on(row: Row, thing: int, support: int) -> bool:
    """Does it stand on another thing?"""
    above, below = row.position(thing), row.position(support)
    one, two = int(row.bodies[thing]), int(row.bodies[support])
    half = row.scene.things[support].half
    over = float(np.linalg.norm(above[:2] - below[:2])) < max(half[0], half[1]) + 0.005
    return over and above[2] > below[2] + 0.5 * half[2] and (min(one, two), max(one, two)) in row.contacts()


def facts(row: Row) -> NDArray[np.bool_]:
    """Truth values of ATOMS."""
    holds = np.zeros(len(ATOMS), bool)
    touching, held, things = row.contacts(), row.held(), row.scene.things
    for index, thing in enumerate(things):
        name, body = NAMES[thing.name], int(row.bodies[index])
        holds[atom(f"on({name}, table)")] = on_table(row, index)
        holds[atom(f"in({name}, sink)")] = in_sink(row, index)
        holds[atom(f"in({name}, drawer)")] = in_drawer(row, index)
        holds[atom(f"holding({name})")] = index in held
        holds[atom(f"touching(gripper, {name})")] = any((min(pad, body), max(pad, body)) in touching for pad in row.pads)
        for zone, where in enumerate(row.scene.zones):
            holds[atom(f"in({name}, {ZONES[where.colour]})")] = in_zone(row, index, zone)
        for other, support in enumerate(things):
            if other == index:
                continue
            if support.kind == "block":
                holds[atom(f"on({name}, {NAMES[support.name]})")] = on(row, index, other)
            if thing.name < support.name:
                pair = (min(body, int(row.bodies[other])), max(body, int(row.bodies[other])))
                holds[atom(f"touching({name}, {NAMES[support.name]})")] = pair in touching
    holds[atom("open(drawer)")], holds[atom("closed(drawer)")] = row.drawer > OPEN, row.drawer < CLOSED
    return holds


def poses(row: Row) -> Numbers:
    """Things, the drawer and the gripper "N+2 7": places (m) and quaternions w-x-y-z."""
    ids = [*row.bodies, row.slide]
    found = np.concatenate([row.data.xpos[ids], row.data.xquat[ids]], 1)
    turn = np.empty(4)
    engine.library().mju_mat2Quat(turn, row.data.site_xmat[row.tip_site])
    return np.concatenate([found, np.concatenate([row.tip, turn])[None]])


def tracks(row: Row, camera: str) -> tuple[Numbers, NDArray[np.bool_]]:
    """Five points on each thing's top, then the fingers' tips: places "5 N + 1, 3" (m), and which are in the camera's picture, unhidden."""
    points = [row.position(index) + TRACKED * thing.half @ row.rotation(index).T for index, thing in enumerate(row.scene.things)]
    places = np.concatenate([*points, row.tip[None]])
    eye = row.model.camera(camera).id
    shown = _in_picture(row, eye, places)
    return places, np.array([bool(inside) and _sees(row, row.data.cam_xpos[eye], place) for inside, place in zip(shown, places, strict=True)])


def _in_picture(row: Row, camera: int, places: Numbers) -> NDArray[np.bool_]:
    """Which places "n 3" lie in front of a camera and within its square picture? (MuJoCo's cameras look along their -z.)"""
    x, y, z = ((places - row.data.cam_xpos[camera]) @ row.data.cam_xmat[camera].reshape(3, 3)).T
    edge = -z * math.tan(math.radians(row.model.cam_fovy[camera]) / 2)
    inside: NDArray[np.bool_] = (z < 0) & (np.abs(x) < edge) & (np.abs(y) < edge)
    return inside


def _sees(row: Row, eye: Numbers, place: Numbers) -> bool:
    """Does a ray from the eye reach the place, up to 8 mm before it?"""
    way = place - eye
    length = float(np.linalg.norm(way))
    hit = engine.library().mj_ray(row.model, row.data, eye, way / length, None, 1, -1, np.array([-1], np.int32))
    return bool(hit < 0 or hit > length - 0.008)


# -- contacts and motion -------------------------------------------------------------------------------------------------------------


@functools.cache
def pairs(objects: int) -> tuple[tuple[int, int], ...]:
    """All pairs that can touch, as places in `spec.objects`: each with something fixed (-1), then each with each."""
    return (*((-1, one) for one in range(objects)), *combinations(range(objects), 2))


@dataclass(frozen=True)
class Pressure:
    """What each of `pairs` does."""

    place: Numbers  # "K 3", m
    force: Numbers  # "K 3", N, of the first on the second
    touching: NDArray[np.bool_]  # "K"


def contacts(row: Row) -> Pressure:
    """Forces between the objects, each pair's contact points summed up; the place is their mean, weighted by force."""
    known = pairs(len(row.bodies) + 2)
    force, place, weight = np.zeros((len(known), 3)), np.zeros((len(known), 3)), np.zeros(len(known))
    found = engine.touches(row.model, row.data)
    for (one, two), where, push in zip(row.objects[found.bodies].tolist(), found.place, found.force, strict=True):
        if one == two:  # both are fixed, or both are fingers
            continue
        slot, strength = known.index((min(one, two), max(one, two))), float(np.linalg.norm(push)) + 1e-9
        force[slot] += push if one < two else -push
        place[slot] += strength * where
        weight[slot] += strength
    touching = weight > 0
    return Pressure(place / np.where(touching, weight, 1)[:, None], force, touching)


def scene_flow(row: Row, shown: NDArray[np.int32], points: Numbers) -> Numbers:
    """How far each pixel's surface point "h w 3" (m) has moved since the last step, "3 h w"; `shown` is the body in each pixel, -1 = none."""
    now, before = row.frames(), row.before
    back = before.rotation @ now.rotation.transpose(0, 2, 1)  # from here to where the body was
    back[(now.rotation == before.rotation).all((1, 2))] = np.eye(3)  # not almost: what stands still has no flow
    shift = before.place - (back @ now.place[..., None])[..., 0]
    back, shift = np.concatenate([back, np.eye(3)[None]]), np.concatenate([shift, np.zeros((1, 3))])
    was = (back[shown] @ points[..., None])[..., 0] + shift[shown]
    return (points - was).transpose(2, 0, 1)
