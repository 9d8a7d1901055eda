"""Means that leave out what is not there."""

from jaxtyping import Bool, Float
from torch import Tensor


def masked_mean(values: Float[Tensor, "B T"], mask: Bool[Tensor, "B T"]) -> Float[Tensor, "B"]:
    """Mean over T of the masked-in values; 0 where there are none."""
    return (values * mask).sum(1) / mask.sum(1).clamp_min(1)
