"""What several reference models share: scaled actions, and a window of recent vectors with its restarts."""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam.world import Actions, ActionSpec, EnvSpec, Observation, ObservationSpec, Record, record, to_float


def scaled(spec: ActionSpec, actions: Actions) -> Float[Tensor, "B T RA"]:
    """Low-level actions as multiples of their limits; zero where not executed."""
    assert actions.low_level is not None
    _, high = spec.limits(actions.low_level.device, actions.low_level.dtype)
    return torch.where(actions.valid[..., None], actions.low_level / high, 0).flatten(2)


def width_of(spec: ActionSpec) -> int:
    """Numbers per model step: R actions of A slots."""
    return spec.per_step * len(spec.low_level)


PLACE, PICTURE = 10.0, 0.3  # so that 10 cm of the pusher weigh as much as a few pixels


class Senses:
    """One camera and proprioception (where the world has any) as one vector "D", each scaled to what it is worth; and back."""

    def __init__(self, world: EnvSpec):
        ((self.camera, camera),) = world.observes.cameras.items()
        self.picture, self.places = (3, camera.height, camera.width), len(world.observes.proprio)
        self.spec = ObservationSpec(cameras=world.observes.cameras, proprio=world.observes.proprio)
        self.size = self.places + math.prod(self.picture)

    def vector(self, observation: Observation, dtype: torch.dtype) -> Float[Tensor, "B T D"]:
        """What is seen, in numbers of order one."""
        assert observation.rgb is not None
        picture = PICTURE * to_float(observation.rgb[self.camera], dtype).flatten(2)
        return torch.cat([PLACE * observation.proprio.to(dtype), picture], -1) if self.places else picture

    def observation(self, x: Float[Tensor, "B T D"]) -> Observation:
        """The inverse; pictures are clipped."""
        rgb = (x[..., self.places :] / PICTURE).clamp(0, 1).unflatten(-1, self.picture)
        return Observation(rgb={self.camera: rgb}, proprio=x[..., : self.places] / PLACE if self.places else None)


@record
class Recent(Record):
    """The last C vectors, oldest first; before C were seen, the first one repeated."""

    z: Float[Tensor, "B C D"]
    started: Bool[Tensor, "B"]


def push(recent: Recent, z: Float[Tensor, "B T D"], done: Bool[Tensor, "B T"]) -> Recent:
    """Append T vectors one after the other; where nothing was done to get there, start again from this vector."""
    window, started = recent.z, recent.started
    for t in range(z.shape[1]):
        joined = done[:, t] & started
        shifted = torch.cat([window[:, 1:], z[:, t, None]], 1)
        window = torch.where(joined[:, None, None], shifted, z[:, t, None].expand_as(window))
        started = torch.ones_like(started)
    return Recent(z=window, started=started)
