"""The full physical state of `tabletop` rows as one `Physical` record, and back: recorded states go on as the originals did.

q: MuJoCo's positions (the drawer, the arm, the fingers, then each thing), then where the servos are sent, then the place and yaw
that the tips are sent to. v: MuJoCo's velocities. Parameters: mass and friction of each thing, then the drawer's resistance.
Together with a row's scene, which follows from its seed, this is all that the next step depends on.
"""

import dataclasses

import numpy as np
import torch
from torch import Tensor

from wam.sim.worlds.tabletop import mjcf
from wam.sim.worlds.tabletop.row import SQUEEZE, Coordinates, Row
from wam.sim.worlds.tabletop.scene import BOUNDS, DRAWER_TRAVEL, WIDEST, Scene
from wam.world import Physical, PhysicalSpec, Slot, SpecError

SERVOS, PLACES = 7, 4  # numbers at the end of q


def physical_spec(things: tuple[str, ...]) -> PhysicalSpec:
    """Names and units, for things of these names."""
    q = [Slot(name="drawer", unit="m", low=0.0, high=DRAWER_TRAVEL), *joint_slots()]
    q += [Slot(name=f"{side} finger", unit="m", low=0.0, high=WIDEST) for side in ("left", "right")]
    v = [Slot(name=slot.name, unit=f"{slot.unit}/s", relative=True) for slot in q]
    parameters: list[Slot] = []
    for name in things:
        q += [Slot(name=f"{name} {axis}", unit="m") for axis in "xyz"] + [Slot(name=f"{name} quaternion {part}") for part in "wxyz"]
        v += [Slot(name=f"{name} {axis}", unit="m/s", relative=True) for axis in "xyz"]
        v += [Slot(name=f"{name} turn {axis}", unit="rad/s", frame=name, relative=True) for axis in "xyz"]
        parameters += [Slot(name=f"{name} mass", unit="kg", low=0.0), Slot(name=f"{name} friction", low=0.0)]
    q += [dataclasses.replace(slot, name=f"servo {slot.name}", meaning="wanted joint angle") for slot in joint_slots()]
    q.append(Slot(name="servo left finger", unit="m", low=SQUEEZE, high=WIDEST))
    q += [Slot(name=f"wanted tips {axis}", unit="m", low=low, high=high) for axis, (low, high) in zip("xyz", BOUNDS, strict=True)]
    q.append(Slot(name="wanted hand yaw", unit="rad"))
    parameters.append(Slot(name="drawer resistance", unit="N", low=0.0))
    return PhysicalSpec(q=tuple(q), v=tuple(v), parameters=tuple(parameters))


def joint_slots() -> tuple[Slot, ...]:
    """The arm's angles."""
    return tuple(Slot(name=name, unit="rad", meaning="joint angle", low=low, high=high) for name, (low, high) in zip(mjcf.JOINTS, mjcf.LIMITS, strict=True))


def to_physical(rows: list[Row]) -> Physical:
    """One instant (T = 1) of some rows. Nothing is lost: a row's coordinates and constants are float32 numbers."""
    found = [row.coordinates() for row in rows]
    return Physical(
        q=_stacked([np.concatenate([one.q, one.servos, one.place]) for one in found])[:, None],
        v=_stacked([one.v for one in found])[:, None],
        parameters=_stacked([np.array(constants(row.scene)) for row in rows]),
    )


def constants(scene: Scene) -> list[float]:
    """In the order of the parameters."""
    return [part for thing in scene.things for part in (thing.mass, thing.friction)] + [scene.resistance]


def coordinates_of(physical: Physical, row: int) -> Coordinates:
    """The last instant of a row. Nothing is rounded."""
    q, v = (part[row, -1].double().cpu().numpy() for part in (physical.q, physical.v))
    mine = len(q) - SERVOS - PLACES
    return Coordinates(q[:mine], v, q[mine : mine + SERVOS], q[mine + SERVOS :])


def scene_of(scene: Scene, physical: Physical, row: int) -> Scene:
    """The scene with the constants of a row of the record; the same object where they are equal. SpecError for another number of things."""
    if physical.parameters is None:
        return scene
    wanted = physical.parameters[row].tolist()
    if len(wanted) != len(constants(scene)):
        raise SpecError(f"the record has {len(wanted)} constants, a table with {len(scene.things)} things has {len(constants(scene))}. Another configuration?")
    if wanted == constants(scene):
        return scene
    things = tuple(
        dataclasses.replace(thing, mass=mass, friction=friction) for thing, mass, friction in zip(scene.things, wanted[:-1:2], wanted[1:-1:2], strict=True)
    )
    return dataclasses.replace(scene, things=things, resistance=wanted[-1])


def _stacked(rows: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(rows)).float()
