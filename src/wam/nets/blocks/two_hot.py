"""A scalar as a distribution over bins: two neighbouring bins carry it, evenly spaced on a symmetric logarithmic scale.

symlog(x) = sign(x) log(1 + |x|). Sources: DreamerV3 (arXiv 2301.04104), TD-MPC2 (arXiv 2310.16828).
Values beyond the range count as its end.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def symlog(x: Tensor) -> Tensor:
    """Shrinks large numbers, keeps small ones."""
    return x.sign() * x.abs().log1p()


def symexp(x: Tensor) -> Tensor:
    """The inverse of `symlog`."""
    return x.sign() * x.abs().expm1()


class TwoHot(nn.Module):
    """`bins` from symlog value `low` to `high`, both on bins."""

    def __init__(self, low: float, high: float, bins: int):
        super().__init__()
        self.low, self.high, self.bins = low, high, bins
        self.register_buffer("places", torch.linspace(low, high, bins), persistent=False)
        self.places: Tensor

    def encode(self, value: Float[Tensor, "..."]) -> Float[Tensor, "... K"]:
        """The two weights, zero elsewhere."""
        place = (symlog(value).clamp(self.low, self.high) - self.low) / (self.high - self.low) * (self.bins - 1)
        below = place.nan_to_num().floor().clamp(max=self.bins - 2)
        share = (place - below)[..., None]  # NaN stays NaN: the loss shows it
        weights = value.new_zeros(*value.shape, self.bins)
        weights.scatter_(-1, below.long()[..., None], 1 - share)
        return weights.scatter_(-1, below.long()[..., None] + 1, share)

    def decode(self, logits: Float[Tensor, "... K"]) -> Float[Tensor, "..."]:
        """The value that the expected place stands for."""
        return symexp((logits.softmax(-1) * self.places).sum(-1))

    def loss(self, logits: Float[Tensor, "... K"], value: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Cross-entropy, nats."""
        return -(self.encode(value) * logits.log_softmax(-1)).sum(-1)
