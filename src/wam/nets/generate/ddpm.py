"""Denoising diffusion that keeps the variance, with a cosine schedule, continuous in s (Ho et al., 2006.11239).

    x_s = alpha x + sigma eps        alpha = cos(angle(s)) / cos(angle(0)),   sigma = sqrt(1 - alpha^2)
    angle(s) = (s + 0.008) / 1.008 pi / 2        (Nichol & Dhariwal, 2102.09672, eq. 17)

The network gives v = alpha eps - sigma x (Salimans & Ho, 2202.00512), or eps. A step is DDIM's (Song et al., 2010.02502).

Footgun: eps says nothing about x where alpha is 0, so for "eps" alpha ends at 0.01. There the network's errors grow a hundredfold:
start the schedule below 1 with as few steps as one wants, `descend(10, start=0.9)`, or ask for "v".
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from wam.nets.generate.process import Process

OFFSET = 0.008  # keeps the first levels from being too fine
LEAST = 0.01  # alpha at s = 1 for "eps"


@dataclass(frozen=True)
class Ddpm(Process):
    """See `Process`."""

    prediction: Literal["v", "eps"] = "v"  # what the network is asked for

    def scales(self, s: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        first, angle = OFFSET / (1 + OFFSET) * math.pi / 2, (s + OFFSET) / (1 + OFFSET) * math.pi / 2
        alpha = (angle.cos() / math.cos(first)).clamp(LEAST if self.prediction == "eps" else 0.0, 1.0)
        alpha = torch.where(s > 0, alpha, 1.0)  # rounding would leave a trace of noise on what is clean
        return alpha, (1 - alpha**2).sqrt()

    def asks(self, s: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        if self.prediction == "eps":
            return torch.zeros_like(s), torch.ones_like(s)
        alpha, sigma = self.scales(s)
        return -sigma, alpha

    def entering(self, noisy: Float[Tensor, "..."], s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return noisy

    def level(self, s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return s

    def weight(self, s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return torch.ones_like(s)
