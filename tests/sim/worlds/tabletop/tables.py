"""Worlds that the tests share. Physics needs MuJoCo; pictures also need a graphics context."""

import dataclasses
import importlib.util

import pytest
import torch

from wam.plan.control import rollout
from wam.sim.engines import mujoco as engine
from wam.sim.worlds.tabletop import TabletopConfig, TabletopWorld
from wam.world import Actions, Episodes, Noise, Policy

BLIND = TabletopConfig(cameras=())
FULL = TabletopConfig(
    tasks=("push", "sink", "stack", "open", "close", "clear", "dishes", "store", "fetch", "tower"),
    ask="both",
    blocks=2,
    dishes=2,
    zones=2,
    cameras=("front", "side", "wrist", "free"),
    size=32,
    depth=True,
    steered_camera=True,
    varied_dynamics=True,
    varied_looks=True,
    budget=8,
)
THINGS = {
    "push": dataclasses.replace(BLIND, tasks=("push",), blocks=2, dishes=1, zones=2),
    "sink": dataclasses.replace(BLIND, tasks=("sink",), dishes=2),
    "stack": dataclasses.replace(BLIND, tasks=("stack",), blocks=2, dishes=1),
    "open": dataclasses.replace(BLIND, tasks=("open",)),
    "close": dataclasses.replace(BLIND, tasks=("close",)),
    "clear": dataclasses.replace(BLIND, tasks=("clear",), dishes=1),
    "dishes": dataclasses.replace(BLIND, tasks=("dishes",), dishes=2),
    "store": dataclasses.replace(BLIND, tasks=("store",), dishes=1),
    "fetch": dataclasses.replace(BLIND, tasks=("fetch",), dishes=1),
    "tower": dataclasses.replace(BLIND, tasks=("tower",), blocks=3),
}


def needs_physics() -> None:
    """Skip where MuJoCo is not installed. It is not imported here: the engine first says how it shall draw."""
    if importlib.util.find_spec("mujoco") is None:
        pytest.skip("the tabletop world needs the extra `sim`")


def needs_pictures() -> None:
    """Skip, with the reason, where MuJoCo cannot draw."""
    try:
        engine.painter(16, 16)
    except engine.PictureError as error:
        pytest.skip(str(error))


def started(config: TabletopConfig, batch: int, first_seed: int = 0) -> TabletopWorld:
    """A world after its first reset."""
    world = TabletopWorld(batch, config)
    world.reset(torch.ones(batch, dtype=torch.bool), torch.arange(first_seed, first_seed + batch))
    return world


def run(world: TabletopWorld, policy: Policy, steps: int, first_seed: int = 0, truth: bool = False) -> Episodes:
    """Episodes of seeds from `first_seed` on."""
    seeds = torch.arange(first_seed, first_seed + world.batch)
    return rollout(world, policy, steps, seeds=seeds, noise=Noise.of(seeds), truth=truth)


def actions(moves: list[tuple[float, ...]], batch: int = 1) -> Actions:
    """The same moves for all rows."""
    low_level = torch.tensor(moves).float()[None, :, None].repeat(batch, 1, 1, 1)
    return Actions(valid=torch.ones(low_level.shape[:3], dtype=torch.bool), low_level=low_level)
