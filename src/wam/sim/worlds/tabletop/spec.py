"""What the `tabletop` world shows, accepts and knows."""

import math

from wam.sim.engines import mujoco as engine
from wam.sim.worlds.tabletop import mjcf
from wam.sim.worlds.tabletop.config import TabletopConfig
from wam.sim.worlds.tabletop.physical import joint_slots, physical_spec
from wam.sim.worlds.tabletop.row import HIGH, LOW, PERIOD
from wam.sim.worlds.tabletop.scene import BOUNDS
from wam.sim.worlds.tabletop.words import FACTS, SENTENCES
from wam.world import ActionSpec, Camera, EnvSpec, ObservationSpec, Slot

MARGIN = 0.1  # m, the tips can be pushed a little beyond where they may be sent


def tabletop_spec(config: TabletopConfig) -> EnvSpec:
    """The spec of a configuration."""
    return EnvSpec(
        name="tabletop",
        observes=ObservationSpec(cameras={name: _camera(name, config) for name in config.cameras}, proprio=(*joint_slots(), *_tips())),
        acts=ActionSpec(low_level=_actions(), camera=config.steered_camera),
        rate=1 / PERIOD,
        budget=config.steps,
        sentences=SENTENCES,
        facts=FACTS,
        physical=physical_spec(thing_names(config)),
        objects=(*thing_names(config), "drawer", "gripper"),
    )


def thing_names(config: TabletopConfig) -> tuple[str, ...]:
    """Names by place on the list of things, not by colour: those differ from row to row."""
    counts = (("block", config.blocks), ("dish", config.dishes), ("clutter", config.clutter))
    return tuple(f"{kind} {index + 1}" for kind, count in counts for index in range(count))


def _camera(name: str, config: TabletopConfig) -> Camera:
    lens = engine.intrinsics(mjcf.FIELD_OF_VIEW[name], config.size, config.size)
    return Camera(height=config.size, width=config.size, depth=config.depth, pose=config.depth or (config.steered_camera and name == "free"), intrinsics=lens)


def _actions() -> tuple[Slot, ...]:
    moves = [Slot(name=f"tips {axis}", unit="m", meaning=f"displacement along {axis}", relative=True) for axis in "xyz"]
    turn = Slot(name="hand turn", unit="rad", meaning="turn about the vertical", relative=True)
    grip = Slot(name="gripper", meaning="wanted opening, 1 = open")
    return tuple(
        Slot(name=slot.name, unit=slot.unit, meaning=slot.meaning, relative=slot.relative, low=float(low), high=float(high))
        for slot, low, high in zip((*moves, turn, grip), LOW, HIGH, strict=True)
    )


def _tips() -> tuple[Slot, ...]:
    places = [
        Slot(name=f"tips {axis}", unit="m", meaning=f"place along {axis}", low=low - MARGIN, high=high + MARGIN)
        for axis, (low, high) in zip("xyz", BOUNDS, strict=True)
    ]
    return (*places, Slot(name="hand yaw", unit="rad", low=-math.pi, high=math.pi), Slot(name="gripper", meaning="opening, 1 = open", low=0.0, high=1.0))
