"""The `push` world as numbers instead of pictures: where the pusher is, where each object is and how it moves.

One slot per number: the pusher's place first, then each object's place, direction (blocks only) and velocity, then where the
zones are. Velocities are there because a shoved object slides on for some centimetres: places alone do not say what comes
next. A goal is at rest. Does not say: constants of the dynamics, walls, colours, shapes.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from wam.sim.engines.planar import PlanarState
from wam.sim.worlds.push.config import PushConfig
from wam.sim.worlds.push.scene import HALF_TABLE, Scene
from wam.world import Slot


def place_slots(name: str) -> tuple[Slot, Slot]:
    """Where something is on the table."""
    x, y = (Slot(name=f"{name} {axis}", unit="m", meaning=f"place along {axis}", low=-HALF_TABLE, high=HALF_TABLE) for axis in "xy")
    return x, y


def state_slots(config: PushConfig) -> tuple[Slot, ...]:
    """Names, units and limits of what `state_of` gives."""
    slots = [*place_slots("pusher")]
    for name in (f"object {index + 1}" for index in range(config.objects)):
        slots += place_slots(name)
        if "block" in config.shapes:
            slots += [Slot(name=f"{name} {part}", meaning=f"{part} of its angle", low=-1.0, high=1.0) for part in ("cosine", "sine")]
        slots += [Slot(name=f"{name} {axis} rate", unit="m/s", meaning=f"velocity along {axis}") for axis in "xy"]
    for zone in range(config.zones):
        slots += place_slots(f"zone {zone + 1}")
    return tuple(slots)


def state_of(state: PlanarState, scene: Scene, config: PushConfig) -> Float[Tensor, "B P"]:
    """One number per slot."""
    pose, velocity = state.pose[:, :-1], state.velocity[:, :-1, :2]
    turned = (pose[..., 2:].cos(), pose[..., 2:].sin()) if "block" in config.shapes else ()
    objects = torch.cat([pose[..., :2], *turned, velocity], 2)
    return torch.cat([state.pose[:, -1, :2], objects.flatten(1), scene.zones[..., :2].flatten(1)], 1)


def at_rest(pose: Float[Tensor, "B M 3"]) -> PlanarState:
    """Bodies that stand still."""
    return PlanarState(pose=pose, velocity=torch.zeros_like(pose))
