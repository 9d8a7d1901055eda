"""Worlds that the tests share."""

import torch

from wam.sim.worlds.push import COLOURS, SHAPES, PushConfig, PushWorld

FULL = PushConfig(
    task="instruction",
    objects=4,
    zones=3,
    inner_walls=1,
    shapes=SHAPES,
    colours=COLOURS,
    radius=0.065,
    budget=60,
    varied_dynamics=True,
    varied_background=True,
)


def started(config: PushConfig, batch: int, first_seed: int = 0, dtype: torch.dtype = torch.float32) -> PushWorld:
    """A world after its first reset."""
    world = PushWorld(batch, config, dtype=dtype)
    world.reset(torch.ones(batch, dtype=torch.bool), torch.arange(first_seed, first_seed + batch))
    return world
