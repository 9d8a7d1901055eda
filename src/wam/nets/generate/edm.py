"""EDM: noise is added, never mixed, and the network works at unit scale throughout (Karras et al., 2206.00364, table 1).

    x_s = x + sigma(s) eps        sigma(s) = (sigma_min^(1/rho) + s (sigma_max^(1/rho) - sigma_min^(1/rho)))^rho,   sigma(0) = 0

With c = sqrt(sigma^2 + sigma_data^2) the network F takes x_s / c, is told ln(sigma) / 4, and gives

    F = (sigma / sigma_data x - sigma_data eps) / c        so that        D = c_skip x_s + c_out F        is the estimate of x.

Written so it has no division by zero: at s = 0 it asks for -eps, at large sigma nearly for x / sigma_data.
Footgun: x has to have a standard deviation of about sigma_data. At s = 0 (a frame given clean) the network is told sigma_min.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from wam.nets.generate.laws import Law
from wam.nets.generate.process import Process
from wam.world.noise import Noise


@dataclass(frozen=True)
class Edm(Process):
    """See `Process`."""

    sigma_data: float = 0.5  # standard deviation of x
    sigma_min: float = 0.002  # the least noise that is not none
    sigma_max: float = 80.0  # the noise at s = 1: well above the spread of x
    rho: float = 7.0  # the larger, the more of [0, 1] lies at low noise

    def __post_init__(self) -> None:
        if not (0 < self.sigma_min < self.sigma_max and self.sigma_data > 0 and self.rho > 0):
            raise ValueError(f"{self}: expected 0 < sigma_min < sigma_max, sigma_data > 0 and rho > 0. The paper's values are the defaults.")

    @property
    def roots(self) -> tuple[float, float]:
        """sigma_min^(1/rho) and sigma_max^(1/rho), between which the schedule is even."""
        return math.pow(self.sigma_min, 1 / self.rho), math.pow(self.sigma_max, 1 / self.rho)

    def sigma(self, s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Noise level in units of x (eq. 5). It jumps from sigma_min to 0 at s = 0."""
        low, high = self.roots
        return torch.where(s > 0, (low + s.double() * (high - low)) ** self.rho, 0.0).to(s.dtype)  # in float64, see `laws`

    def scales(self, s: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        return torch.ones_like(s), self.sigma(s)

    def asks(self, s: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        sigma, c = self.sigma(s), self.spread(s)
        return sigma / (self.sigma_data * c), -self.sigma_data / c

    def entering(self, noisy: Float[Tensor, "..."], s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return noisy / self.spread(s)

    def level(self, s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return (self.sigma(s.double()).clamp(min=self.sigma_min).log() / 4).to(s.dtype)

    def weight(self, s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return torch.ones_like(s)  # the paper's weight of D's error, 1 / c_out^2, is 1 for F's

    def spread(self, s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """c, the standard deviation of the state."""
        return (self.sigma(s) ** 2 + self.sigma_data**2).sqrt()


@dataclass(frozen=True)
class LogNormal(Law):
    """The paper's law of training levels: ln sigma is normal. Levels beyond the schedule count as its ends: never clean."""

    process: Edm
    mean: float = -1.2 - math.log(0.5)  # of ln (sigma / sigma_data): the paper says -1.2 of ln sigma, where sigma_data is 0.5
    spread: float = 1.2

    def draw(self, noise: Noise, steps: int) -> Float[Tensor, "B T"]:
        log_sigma = math.log(self.process.sigma_data) + self.mean + self.spread * noise.normal(steps)
        root = (log_sigma / self.process.rho).exp()
        low, high = self.process.roots
        return ((root - low) / (high - low)).clamp(1e-6, 1)
