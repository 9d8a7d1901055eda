"""What several reference models share: scaled actions, and a window of recent vectors with its restarts."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam.world import Actions, ActionSpec, Observation, Record, record, to_float


def scaled(spec: ActionSpec, actions: Actions) -> Float[Tensor, "B T RA"]:
    """Low-level actions as multiples of their limits; zero where not executed."""
    assert actions.low_level is not None
    _, high = spec.limits(actions.low_level.device, actions.low_level.dtype)
    return torch.where(actions.valid[..., None], actions.low_level / high, 0).flatten(2)


PLACE, PICTURE = 10.0, 0.3  # so that 10 cm of the pusher weigh as much as a few pixels


def senses(observation: Observation, camera: str, dtype: torch.dtype) -> Float[Tensor, "B T D"]:
    """Proprioception and the flattened picture, each scaled to what it is worth."""
    assert observation.rgb is not None and observation.proprio is not None
    return torch.cat([PLACE * observation.proprio.to(dtype), PICTURE * to_float(observation.rgb[camera], dtype).flatten(2)], -1)


def sensed(x: Float[Tensor, "B T D"], camera: str, places: int, size: tuple[int, ...]) -> Observation:
    """The inverse of `senses`; pictures are clipped."""
    return Observation(rgb={camera: (x[..., places:] / PICTURE).clamp(0, 1).unflatten(-1, size)}, proprio=x[..., :places] / PLACE)


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
