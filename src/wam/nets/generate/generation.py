"""How one stream of frames or actions is drawn, whole: process, training levels, schedule; or no noise at all, by regression.

What models of one stream hold. A model says what its network answers to (noisy "B T ...", level "B T"); a `Generation` says what
error it learns from and how its futures are drawn. Models of several streams use `denoise`, `ask` and `error` themselves.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from wam.nets.generate.ddpm import Ddpm
from wam.nets.generate.denoise import ask, denoise, inpaint
from wam.nets.generate.edm import Edm, LogNormal
from wam.nets.generate.flow import Flow
from wam.nets.generate.laws import Law, LogitNormal, Mixed, Power, Uniform
from wam.nets.generate.process import Process
from wam.nets.generate.regression import gaussian_nll
from wam.nets.generate.schedule import descend
from wam.world.noise import Noise

FLOW_LAW = Mixed(0.1, Uniform(0.9, 1.0), LogitNormal())  # draws start at 1, which a logit-normal law hardly trains
ACTION_LAW = Power(3.0)  # mostly near noise: what to do must come from what was seen (pi0, 2410.24164, appendix B, skews its levels for that reason)

Network = Callable[[Float[Tensor, "B T ..."], Float[Tensor, "B T"]], Float[Tensor, "B T ..."]]


class Generation(ABC):
    """See the module's docstring. Implementations are frozen dataclasses."""

    stochastic: bool  # does noise change what is drawn
    clean_level: float  # what a network is told of a clean frame

    @abstractmethod
    def outputs(self, channels: int) -> int:
        """Channels of the network's answer for so many channels of data."""

    @abstractmethod
    def error(self, network: Network, x: Float[Tensor, "B T ..."], noise: Noise) -> Float[Tensor, "B T ..."]:
        """What is minimised, per number of x."""

    @abstractmethod
    def first(self, like: Float[Tensor, "B T ..."], noise: Noise | None) -> tuple[Float[Tensor, "B T ..."], Float[Tensor, "B T"]]:
        """What the network is asked first in a draw: (noisy, level). Its hidden states then say what it expects (VPP, mimic-video)."""

    @abstractmethod
    def draw(self, network: Network, like: Float[Tensor, "B T ..."], noise: Noise | None) -> Float[Tensor, "B T ..."]:
        """One future of the shape of `like`; without noise that of one fixed draw, the same in every row, or the mean."""


@dataclass(frozen=True)
class Denoising(Generation):
    """Flows and diffusion. All T frames of a draw are at one level, unless `per_frame` while learning.

    `temporal`: weight of how the error changes from frame to frame, (e_k - e_(k-1))^2 beside e_k^2: an error that all frames share
    costs less than one that flickers (DreamDojo, 2602.06949, section 3.2; there 0.1).
    """

    process: Process
    law: Law  # of training levels
    steps: int  # of a draw
    per_frame: bool = False
    temporal: float = 0.0

    stochastic = True

    @property
    def clean_level(self) -> float:  # type: ignore[override]
        """What the process tells of s = 0."""
        return float(self.process.level(torch.zeros(())))

    def outputs(self, channels: int) -> int:
        """As many."""
        return channels

    def error(self, network: Network, x: Float[Tensor, "B T ..."], noise: Noise) -> Float[Tensor, "B T ..."]:
        """Weighted squared error of what the process asks for."""
        eps = noise.fork("eps").normal(*x.shape[1:], dtype=x.dtype)
        s = self.law.draw(noise.fork("level"), x.shape[1] if self.per_frame else 1).to(x.dtype).expand(x.shape[:2])
        s = s.reshape(*s.shape, *[1] * (x.ndim - 2))
        (answer,) = ask(lambda streams, told: (network(streams[0], told[0]),), (self.process,), (self.process.noisy(x, eps, s),), (s,))
        wrong = answer - self.process.target(x, eps, s)
        error = wrong.square()
        if self.temporal:
            error = error + self.temporal * torch.cat([torch.zeros_like(wrong[:, :1]), wrong.diff(dim=1)], 1).square()
        return self.process.weight(s) * error

    def draw(self, network: Network, like: Float[Tensor, "B T ..."], noise: Noise | None) -> Float[Tensor, "B T ..."]:
        """From noise to data in `steps` steps."""
        start = self._start(like, noise)
        (x,) = denoise(lambda streams, told: (network(streams[0], told[0]),), (self.process,), (start,), descend(self.steps))
        return x

    def continued(self, network: Network, planned: Float[Tensor, "B T ..."], weight: Float[Tensor, "B T"], noise: Noise | None) -> Float[Tensor, "B T ..."]:
        """As `draw`, to go on from `planned` where `weight` is 1, and to lean towards it between 0 and 1: see `denoise.inpaint`."""
        levels, towards = descend(self.steps), ((planned, weight),)
        (x,) = inpaint(lambda streams, told: (network(streams[0], told[0]),), (self.process,), (self._start(planned, noise),), levels, towards)
        return x

    def first(self, like: Float[Tensor, "B T ..."], noise: Noise | None) -> tuple[Float[Tensor, "B T ..."], Float[Tensor, "B T"]]:
        """Noise, at the level of noise."""
        one = like.new_ones(())
        return self.process.entering(self._start(like, noise), one), self.process.level(one).expand(like.shape[:2])

    def _start(self, like: Float[Tensor, "B T ..."], noise: Noise | None) -> Float[Tensor, "B T ..."]:
        """Noise of the shape of `like`: one draw of the row's step, so that draws of different steps share nothing.

        Of eps = 0 a network knows nothing: it never meets it.
        """
        chance = Noise.of([0], like.device) if noise is None else noise
        return self.process.start(chance.normal(1, *like.shape[1:], dtype=like.dtype)[:, 0].expand_as(like))


@dataclass(frozen=True)
class Regression(Generation):
    """Mean and variance of every number, in one evaluation. Draws are the mean: independent pixels' noise is no future."""

    stochastic = False
    clean_level = 0.0

    def outputs(self, channels: int) -> int:
        """Means, then log variances."""
        return 2 * channels

    def error(self, network: Network, x: Float[Tensor, "B T ..."], noise: Noise) -> Float[Tensor, "B T ..."]:
        """Gaussian negative log likelihood, nats, weighted by the variance (beta-NLL, beta = 1): the mean is learned as by squared error.

        Most pixels stand still and are certain; a smaller beta weighs errors there more.
        """
        mean, log_variance = self._ask(network, x)
        return gaussian_nll(mean, log_variance, x, beta=1.0)

    def draw(self, network: Network, like: Float[Tensor, "B T ..."], noise: Noise | None) -> Float[Tensor, "B T ..."]:
        """The mean."""
        return self._ask(network, like)[0]

    def _ask(self, network: Network, like: Float[Tensor, "B T ..."]) -> tuple[Tensor, Tensor]:
        mean, log_variance = network(*self.first(like, None)).chunk(2, 2)
        return mean, log_variance

    def first(self, like: Float[Tensor, "B T ..."], noise: Noise | None) -> tuple[Float[Tensor, "B T ..."], Float[Tensor, "B T"]]:
        """The network sees nothing of what it is to say."""
        return torch.zeros_like(like), torch.zeros_like(like).flatten(2)[..., 0]


Kind = Literal["flow", "edm", "v", "regression"]


def generation(kind: Kind, steps: int, *, spread: float = 0.5, temporal: float = 0.0, per_frame: bool = False, clean: bool = False) -> Generation:
    """By name, with the laws that each came with.

    spread: standard deviation of what is drawn, which EDM has to know: about 0.5 for pictures in -1..1, 1 for latents and actions.
    temporal, per_frame: see `Denoising`; ValueError where nothing is denoised.
    clean: a flow asks for x itself, see `flow`; ValueError for what is no flow.
    """
    if per_frame and kind == "regression":
        raise ValueError("per_frame is of noise levels, and a regression goes through none. Choose another law, or per_frame = False.")
    if temporal and kind == "regression":
        raise ValueError(f"temporal = {temporal} is a term of denoising, and a regression denoises nothing. Choose another law, or temporal = 0.")
    if clean and kind != "flow":
        raise ValueError(f"clean is of what a flow's network is asked for, and {kind!r} is none. Choose the law flow, or clean = False.")
    if kind == "flow":
        return Denoising(Flow("x" if clean else "velocity"), FLOW_LAW, steps, per_frame=per_frame, temporal=temporal)
    if kind == "edm":
        process = Edm(sigma_data=spread)
        return Denoising(process, LogNormal(process), steps, per_frame=per_frame, temporal=temporal)
    if kind == "v":
        return Denoising(Ddpm(), Uniform(), steps, per_frame=per_frame, temporal=temporal)
    return Regression()


def action_generation(kind: Kind, steps: int) -> Generation:
    """Of action chunks: as that of pictures, but a flow learns at the levels of `ACTION_LAW`."""
    return Denoising(Flow(), ACTION_LAW, steps) if kind == "flow" else generation(kind, steps, spread=1.0)
