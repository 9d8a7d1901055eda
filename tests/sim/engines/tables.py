"""Small tables for the tests of the physics: bodies by hand, the pusher last."""

from dataclasses import replace

import torch
from torch import Tensor

from wam.sim.engines.planar import PlanarParameters, PlanarState
from wam.sim.worlds.push.scene import outer_walls

Body = tuple[float, float, float]  # half x, half y, rounding (m)

DISC: Body = (0.0, 0.0, 0.08)
BLOCK: Body = (0.07, 0.05, 0.01)
FAR_PUSHER = (-0.44, -0.44)


def table(bodies: list[Body], batch: int = 1, dtype: torch.dtype = torch.float64, **changes: float) -> PlanarParameters:
    """Equal tables of objects and a pusher of 5 cm; `changes` set mass, friction or damping of the objects, or grip, bounce, force."""
    shape = torch.tensor([*bodies, (0.0, 0.0, 0.05)], dtype=dtype).expand(batch, -1, 3)
    pusher = torch.arange(len(bodies) + 1) == len(bodies)
    own = {name: torch.where(pusher, last, changes.get(name, usual)).to(dtype).expand(batch, -1) for name, usual, last in USUAL}
    whole = {name: torch.full((batch,), changes.get(name, usual), dtype=dtype) for name, usual in (("grip", 0.3), ("bounce", 0.1), ("force", 12.0))}
    return PlanarParameters(
        half=shape[..., :2],
        radius=shape[..., 2],
        present=torch.ones_like(shape[..., 2], dtype=torch.bool),
        walls=outer_walls(shape).expand(batch, 4, 4),
        **own,
        **whole,
    )


USUAL = (("mass", 0.5, 0.15), ("friction", 0.4, 0.0), ("damping", 0.5, 0.0))


def at(objects: list[tuple[float, float, float]], pusher: tuple[float, float] = FAR_PUSHER, batch: int = 1, dtype: torch.dtype = torch.float64) -> PlanarState:
    """Objects at x, y, angle, at rest."""
    pose = torch.tensor([*objects, (*pusher, 0.0)], dtype=dtype).expand(batch, -1, 3)
    return PlanarState(pose=pose, velocity=torch.zeros_like(pose))


def moving(state: PlanarState, body: int, velocity: tuple[float, float, float]) -> PlanarState:
    """The same with one body in motion (m/s, m/s, rad/s)."""
    speeds = state.velocity.clone()
    speeds[:, body] = torch.tensor(velocity, dtype=speeds.dtype)
    return replace(state, velocity=speeds)


def still(batch: int = 1, dtype: torch.dtype = torch.float64) -> Tensor:
    """A pusher that stays where it is."""
    return torch.zeros(batch, 2, dtype=dtype)
