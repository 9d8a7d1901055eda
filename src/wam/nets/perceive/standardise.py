"""Features of an encoder at unit scale, per place and channel.

Most of a frame's features are the same in every frame: the table, and where on it a patch lies. A distance or a squared error
of raw features says little about what moves. Standardised over the data, every feature counts by how far it departs from what
is usual at its place.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Standardise(nn.Module):
    """(x - mean) / spread per place and channel; the identity until `fit`. Mean and spread are buffers: they are saved."""

    def __init__(self, tokens: int, width: int, floor: float = 0.1):
        super().__init__()
        self.floor = floor  # smallest spread, as a share of the root mean square one: what hardly varies is not blown up
        self.register_buffer("mean", torch.zeros(tokens, width))
        self.register_buffer("spread", torch.ones(tokens, width))
        self.mean: Tensor
        self.spread: Tensor

    @torch.no_grad()
    def fit(self, features: Float[Tensor, "N P D"]) -> None:
        """Take the moments of these. ValueError for fewer than two, and for features that never vary or are not finite."""
        if len(features) < 2:
            raise ValueError(f"{len(features)} frames have no spread: at least 2 are needed.")
        variance = features.double().var(0)
        if not bool(variance.isfinite().all() and variance.any()):
            raise ValueError("the features are the same in every frame, or not finite, so they tell nothing. Did the encoder's training diverge?")
        self.mean.copy_(features.double().mean(0))
        self.spread.copy_((variance + self.floor**2 * variance.mean()).sqrt())

    def forward(self, features: Float[Tensor, "... P D"]) -> Float[Tensor, "... P D"]:
        return (features - self.mean) / self.spread
