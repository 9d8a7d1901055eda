"""Rectified flow: straight lines from the future to noise (Liu et al., 2209.03003; Lipman et al., 2210.02747). The default.

    x_s = (1 - s) x + s eps        the network gives the velocity dx_s / ds = eps - x

or x itself, from which the velocity is read (JiT, 2511.13720): a velocity holds all the noise, which a network that is narrower than
its patches cannot pass on; x does not. And the velocity's squared error is that of x over s^2: levels at which the noisy future gives itself
away count most, those at which it must come from conditions least. In pixels a small U-Net asked for it learned nothing of what actions do.

Papers differ in the direction of time; here s = 1 is noise.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from wam.nets.generate.process import Process


@dataclass(frozen=True)
class Flow(Process):
    """See `Process`."""

    prediction: Literal["velocity", "x"] = "velocity"  # what the network is asked for

    def scales(self, s: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        return 1 - s, s

    def asks(self, s: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        if self.prediction == "x":
            return torch.ones_like(s), torch.zeros_like(s)
        return -torch.ones_like(s), torch.ones_like(s)

    def parts(self, noisy: Float[Tensor, "..."], output: Float[Tensor, "..."], s: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        if self.prediction == "x":  # where nothing is noise, nothing is known of it: 0
            return output, (noisy - (1 - s) * output) / torch.where(s > 0, s, 1.0)
        return super().parts(noisy, output, s)

    def entering(self, noisy: Float[Tensor, "..."], s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return noisy

    def level(self, s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return s

    def weight(self, s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return torch.ones_like(s)
