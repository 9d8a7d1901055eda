"""A scalar (a noise level, a place, a duration) as a vector that a network can read: sines and cosines of many periods, then a perceptron."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

FREQUENCIES, HIGHEST = 32, 64.0  # how many, and the fastest, radians per unit


class Fourier(nn.Module):
    """ "..." -> "... D". Periods run from 2 pi / `HIGHEST` to 2 pi, for scalars of about unit scale."""

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("frequency", torch.exp(torch.linspace(0.0, math.log(HIGHEST), FREQUENCIES)), persistent=False)
        self.frequency: Tensor
        self.body = nn.Sequential(nn.Linear(2 * FREQUENCIES, dim), nn.SiLU(), nn.Linear(dim, dim))

    def forward(self, x: Float[Tensor, "..."]) -> Float[Tensor, "... D"]:
        angle = x[..., None] * self.frequency
        vector: Tensor = self.body(torch.cat([angle.sin(), angle.cos()], -1))
        return vector
