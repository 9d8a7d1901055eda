"""The full physical state of the `push` world as one `Physical` record, and back: for models that simulate.

q and v: x, y, angle of each object, then x, y of the pusher. Parameters: outline, mass, friction and damping of each object,
then grip, bounce and the pusher's force, then the inner walls. Nothing else is needed to run `planar.step`.
"""

import torch
from torch import Tensor

from wam.sim.engines.planar import PlanarParameters, PlanarState
from wam.sim.worlds.push.config import PushConfig
from wam.sim.worlds.push.scene import PUSHER_MASS, PUSHER_RADIUS, outer_walls
from wam.world import Physical, PhysicalSpec, Slot

PER_OBJECT = (("half x", "m"), ("half y", "m"), ("rounding", "m"), ("mass", "kg"), ("friction", ""), ("damping", "N s/m"))
PER_TABLE = (("grip", ""), ("bounce", ""), ("force", "N"))
PER_WALL = (("x", "m"), ("y", "m"), ("half x", "m"), ("half y", "m"))


def physical_spec(config: PushConfig) -> PhysicalSpec:
    """Names and units."""
    objects = [f"object {index + 1}" for index in range(config.objects)]
    places = [(f"{name} {axis}", unit) for name in objects for axis, unit in (("x", "m"), ("y", "m"), ("angle", "rad"))]
    places += [("pusher x", "m"), ("pusher y", "m")]
    constants = [(f"{name} {what}", unit) for name in objects for what, unit in PER_OBJECT] + list(PER_TABLE)
    constants += [(f"wall {wall + 1} {what}", unit) for wall in range(config.inner_walls) for what, unit in PER_WALL]
    return PhysicalSpec(
        q=tuple(Slot(name=name, unit=unit) for name, unit in places),
        v=tuple(Slot(name=f"{name} rate", unit=f"{unit}/s") for name, unit in places),
        parameters=tuple(Slot(name=name, unit=unit) for name, unit in constants),
    )


def to_physical(state: PlanarState, parameters: PlanarParameters) -> Physical:
    """One instant (T = 1)."""
    objects = slice(0, state.pose.shape[1] - 1)
    own = [parameters.half[:, objects], *(part[:, objects, None] for part in (parameters.radius, parameters.mass, parameters.friction, parameters.damping))]
    table = torch.stack([parameters.grip, parameters.bounce, parameters.force], 1)
    constants = torch.cat([torch.cat(own, 2).flatten(1), table, parameters.walls[:, 4:].flatten(1)], 1)
    return Physical(q=state.pose.flatten(1)[:, None, :-1], v=state.velocity.flatten(1)[:, None, :-1], parameters=constants)


def from_physical(physical: Physical) -> tuple[PlanarState, PlanarParameters]:
    """The last instant of a record that `to_physical` made. Differentiable. ValueError without parameters."""
    if physical.parameters is None:
        raise ValueError("the Physical record has no parameters: fit them, or take them from the world's truth().")
    count = physical.q.shape[2] // 3
    constants, still = physical.parameters, torch.zeros_like(physical.q[:, -1, :1])
    own = constants[:, : 6 * count].unflatten(1, (count, 6))
    grip, bounce, force = constants[:, 6 * count : 6 * count + 3].unbind(1)
    inner = constants[:, 6 * count + 3 :].unflatten(1, (-1, 4)) if constants.shape[1] > 6 * count + 3 else constants.new_zeros(len(constants), 0, 4)

    def with_pusher(part: Tensor, value: float) -> Tensor:
        return torch.cat([part, still + value], 1)

    parameters = PlanarParameters(
        half=torch.stack([with_pusher(own[..., axis], 0.0) for axis in (0, 1)], 2),
        radius=with_pusher(own[..., 2], PUSHER_RADIUS),
        mass=with_pusher(own[..., 3], PUSHER_MASS),
        friction=with_pusher(own[..., 4], 0.0),
        damping=with_pusher(own[..., 5], 0.0),
        present=torch.ones(len(still), count + 1, dtype=torch.bool, device=still.device),
        walls=torch.cat([outer_walls(still).expand(len(still), 4, 4), inner], 1),
        grip=grip,
        bounce=bounce,
        force=force,
    )
    pose, velocity = (torch.cat([part[:, -1], still], 1).unflatten(1, (count + 1, 3)) for part in (physical.q, physical.v))
    return PlanarState(pose=pose, velocity=velocity), parameters
