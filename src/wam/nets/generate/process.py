"""What noise does to a future, and what a network is asked for: at each level s in [0, 1] a process is two rows of two numbers.

    state  = alpha x + sigma eps        what the network sees        alpha, sigma = scales(s)
    target = p     x + q     eps        what it is asked for         p, q         = asks(s)

x is the clean thing, eps is standard normal noise of its shape. The network's best answer is the mean of the target given the state.
State and answer together are two equations for x and eps, so they can be read back; a step to another level mixes what was
read anew. That one rule is Euler's method for the rectified flow, DDIM (2010.02502, eq. 12) for diffusion, and Euler's method in
sigma for EDM.

| process | alpha | sigma | asked for |
| --- | --- | --- | --- |
| `flow.Flow` | 1 - s | s | velocity eps - x, or x |
| `edm.Edm` | 1 | grows from 0 to 80 | a mix at unit scale, from eps to x |
| `ddpm.Ddpm` | cosine | sine | v = alpha eps - sigma x, or eps |

All of it is elementwise. s is a tensor that broadcasts against the state: "B T 1 1 1" gives each frame of a video its own
level, 0 where a frame is clean. Does not know: networks, conditions, which levels are trained or gone through.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor


class Process(ABC):
    """A way from a future to noise and back. Implementations are frozen dataclasses."""

    @abstractmethod
    def scales(self, s: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """(alpha, sigma): how much of x and of eps is in the state. (1, 0) at s = 0."""

    @abstractmethod
    def asks(self, s: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """(p, q): how much of x and of eps is in what the network is asked for. A multiple of (alpha, sigma) leaves x and eps open.

        It may be one at a single level, where `parts` then says what cannot be read back: `Flow("x")` at s = 0, of a frame without noise.
        """

    @abstractmethod
    def entering(self, noisy: Float[Tensor, "..."], s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The state as the network takes it, at about unit scale if x is."""

    @abstractmethod
    def level(self, s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """What the network is told about s, at about unit scale."""

    @abstractmethod
    def weight(self, s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Weight of the network's squared error at s."""

    def noisy(self, x: Float[Tensor, "..."], eps: Float[Tensor, "..."], s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The state at level s."""
        alpha, sigma = self.scales(s)
        return alpha * x + sigma * eps

    def start(self, eps: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The state at s = 1, where x is not to be seen any more."""
        return self.noisy(torch.zeros_like(eps), eps, eps.new_ones(()))

    def target(self, x: Float[Tensor, "..."], eps: Float[Tensor, "..."], s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """What the network is asked for."""
        p, q = self.asks(s)
        return p * x + q * eps

    def parts(self, noisy: Float[Tensor, "..."], output: Float[Tensor, "..."], s: Float[Tensor, "..."]) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."]]:
        """(x, eps) that would have given this state and this output: the inverse of `noisy` and `target`."""
        (alpha, sigma), (p, q) = self.scales(s), self.asks(s)
        determinant = alpha * q - sigma * p
        return (q * noisy - sigma * output) / determinant, (alpha * output - p * noisy) / determinant

    def clean(self, noisy: Float[Tensor, "..."], output: Float[Tensor, "..."], s: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The estimate of x. With the best output it is the mean of x given the state: blurred at high levels."""
        return self.parts(noisy, output, s)[0]

    def step(self, noisy: Float[Tensor, "..."], output: Float[Tensor, "..."], s: Float[Tensor, "..."], to: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The state at level `to`: what was read at s, mixed anew. Where the level stays, the state stays, to the bit."""
        return torch.where(to == s, noisy, self.noisy(*self.parts(noisy, output, s), to))
