"""What the `tabletop` world shows, accepts and knows."""

import math

from wam.sim.engines import mujoco as engine
from wam.sim.worlds.tabletop import mjcf
from wam.sim.worlds.tabletop.config import TabletopConfig
from wam.sim.worlds.tabletop.row import HIGH, LOW, PERIOD
from wam.sim.worlds.tabletop.scene import BOUNDS, DRAWER_TRAVEL, WIDEST
from wam.sim.worlds.tabletop.words import FACTS, SENTENCES
from wam.world import ActionSpec, Camera, EnvSpec, ObservationSpec, PhysicalSpec, Slot

MARGIN = 0.1  # m, the tips can be pushed a little beyond where they may be sent


def tabletop_spec(config: TabletopConfig) -> EnvSpec:
    """The spec of a configuration."""
    return EnvSpec(
        name="tabletop",
        observes=ObservationSpec(cameras={name: _camera(name, config) for name in config.cameras}, proprio=(*_joints(), *_tips())),
        acts=ActionSpec(low_level=_actions()),
        rate=1 / PERIOD,
        budget=config.steps,
        sentences=SENTENCES,
        facts=FACTS,
        physical=_physical(config),
        objects=(*thing_names(config), "drawer", "gripper"),
    )


def thing_names(config: TabletopConfig) -> tuple[str, ...]:
    """Names by place on the list of things, not by colour: those differ from row to row."""
    counts = (("block", config.blocks), ("dish", config.dishes), ("clutter", config.clutter))
    return tuple(f"{kind} {index + 1}" for kind, count in counts for index in range(count))


def _camera(name: str, config: TabletopConfig) -> Camera:
    lens = engine.intrinsics(mjcf.FIELD_OF_VIEW[name], config.size, config.size)
    return Camera(height=config.size, width=config.size, depth=config.depth, pose=config.depth, intrinsics=lens)


def _actions() -> tuple[Slot, ...]:
    moves = [Slot(name=f"tips {axis}", unit="m", meaning=f"displacement along {axis}", relative=True) for axis in "xyz"]
    turn = Slot(name="hand turn", unit="rad", meaning="turn about the vertical", relative=True)
    grip = Slot(name="gripper", meaning="wanted opening, 1 = open")
    return tuple(
        Slot(name=slot.name, unit=slot.unit, meaning=slot.meaning, relative=slot.relative, low=float(low), high=float(high))
        for slot, low, high in zip((*moves, turn, grip), LOW, HIGH, strict=True)
    )


def _joints() -> tuple[Slot, ...]:
    return tuple(Slot(name=name, unit="rad", meaning="joint angle", low=low, high=high) for name, (low, high) in zip(mjcf.JOINTS, mjcf.LIMITS, strict=True))


def _tips() -> tuple[Slot, ...]:
    places = [
        Slot(name=f"tips {axis}", unit="m", meaning=f"place along {axis}", low=low - MARGIN, high=high + MARGIN)
        for axis, (low, high) in zip("xyz", BOUNDS, strict=True)
    ]
    return (*places, Slot(name="hand yaw", unit="rad", low=-math.pi, high=math.pi), Slot(name="gripper", meaning="opening, 1 = open", low=0.0, high=1.0))


def _physical(config: TabletopConfig) -> PhysicalSpec:
    """Coordinates in the order of the model: the drawer, the arm, the fingers, then each thing."""
    q = [Slot(name="drawer", unit="m", low=0.0, high=DRAWER_TRAVEL), *_joints()]
    q += [Slot(name=f"{side} finger", unit="m", low=0.0, high=WIDEST) for side in ("left", "right")]
    v = [Slot(name=slot.name, unit=f"{slot.unit}/s", relative=True) for slot in q]
    parameters: list[Slot] = []
    for name in thing_names(config):
        q += [Slot(name=f"{name} {axis}", unit="m") for axis in "xyz"] + [Slot(name=f"{name} quaternion {part}") for part in "wxyz"]
        v += [Slot(name=f"{name} {axis}", unit="m/s", relative=True) for axis in "xyz"]
        v += [Slot(name=f"{name} turn {axis}", unit="rad/s", frame=name, relative=True) for axis in "xyz"]
        parameters += [Slot(name=f"{name} mass", unit="kg", low=0.0), Slot(name=f"{name} friction", low=0.0)]
    parameters.append(Slot(name="drawer resistance", unit="N", low=0.0))
    return PhysicalSpec(q=tuple(q), v=tuple(v), parameters=tuple(parameters))
