"""The loss of a decoder that is there for looking only: it never shapes the latent."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam.nets.perceive.emphasis import emphasised_error, looked_at
from wam.world import Decodes, Latent, Noise, Observation, to_float


def picture_error(model: Decodes, z: Float[Tensor, "B T ..."], frames: Observation, real: Bool[Tensor, "B T"], noise: Noise) -> Float[Tensor, "B"]:
    """Decoding error of one frame per window, drawn by chance: what moves counts most. 0 where that frame is not real."""
    frame = noise.integers(1, z.shape[1])[:, 0]
    rows = torch.arange(len(z), device=z.device)
    decoded = model.decode(Latent(z=z[rows, frame][:, None])).rgb or {}
    errors = [emphasised_error(shown[:, 0], *looked_at(to_float((frames.rgb or {})[name], shown.dtype), real, frame)) for name, shown in decoded.items()]
    return torch.stack(errors).mean(0) * real[rows, frame] if errors else z.new_zeros(len(z))
