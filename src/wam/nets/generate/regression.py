"""A future in one go: the network gives a mean and a log variance for every element, and no levels are gone through.

    -ln p(y) = 1/2 (ln v + (y - mean)^2 / v + ln 2 pi),        v = FLOOR + exp(log_variance)

The likelihood hardly learns means where the variance is large, because 1 / v scales their gradient. Weighting it with v^beta, not
differentiated, takes that back (Seitzer et al., 2203.09168): beta = 1 gives the mean the gradient of the squared error.
Elements are independent given the network's input: where several futures are possible the mean is none of them.
"""

import math

from jaxtyping import Float
from torch import Tensor

FLOOR = 1e-4  # least variance, for targets of about unit scale; without one, what is certain would have infinite likelihood


def gaussian_nll(
    mean: Float[Tensor, "*shape"], log_variance: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"], *, beta: float = 0.0
) -> Float[Tensor, "*shape"]:
    """Negative log likelihood of every element, nats, weighted by v^beta: 0 = likelihood, 0.5 = the paper's advice, 1 = as squared error."""
    v = variance(log_variance)
    surprise = (v.log() + (target - mean) ** 2 / v + math.log(2 * math.pi)) / 2
    return surprise * v.detach() ** beta


def variance(log_variance: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """v. It still has a gradient near the floor, which clamping would not."""
    return FLOOR + log_variance.exp()
