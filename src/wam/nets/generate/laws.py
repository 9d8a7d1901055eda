"""Laws of training noise levels: which s in [0, 1] a network is trained at, and how several streams get theirs.

A law draws independent levels "B T" from the noise handed in; row i depends on row i's seed only. `Levels` gives a tuple of
streams (video, action, ... in the order in which `denoise` and `errors` take them) their levels. A clip-wide level is one draw.
Powers and sigmoids are taken in float64: torch's float32 ones (2.13, AVX2) round a number by where it lies in the batch.
Does not know: processes. `edm.LogNormal` is the one law that does, and lives there.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from wam.world.noise import Noise


class Law(ABC):
    """A distribution over noise levels. Implementations are frozen dataclasses."""

    @abstractmethod
    def draw(self, noise: Noise, steps: int) -> Float[Tensor, "B T"]:
        """`steps` independent levels per row, in [0, 1]."""


Level = TypeVar("Level", float, Tensor)


def shifted(s: Level, shift: float) -> Level:
    """Levels moved towards noise (shift > 1) or towards clean (< 1); 0 and 1 stay (SD3, 2403.03206, eq. 23). Inverse: 1 / shift."""
    return shift * s / (1 + (shift - 1) * s)


@dataclass(frozen=True)
class Uniform(Law):
    """All levels between two alike."""

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        _expect(0 <= self.low <= self.high <= 1, self, "0 <= low <= high <= 1")

    def draw(self, noise: Noise, steps: int) -> Float[Tensor, "B T"]:
        return self.low + (self.high - self.low) * noise.uniform(steps)


@dataclass(frozen=True)
class LogitNormal(Law):
    """Mostly middle levels (SD3, 2403.03206, eq. 19): ln(s / (1 - s)) is normal, then s is shifted."""

    mean: float = 0.0  # of the logit: above 0 towards noise
    spread: float = 1.0
    shift: float = 1.0  # see `shifted`: the larger the pictures, the larger

    def __post_init__(self) -> None:
        _expect(self.spread >= 0 and self.shift > 0, self, "spread >= 0 and shift > 0")

    def draw(self, noise: Noise, steps: int) -> Float[Tensor, "B T"]:
        return shifted((self.mean + self.spread * noise.normal(steps)).double().sigmoid(), self.shift).float()


@dataclass(frozen=True)
class Power(Law):
    """Skewed towards noise: Beta(exponent, 1), whose distribution function is s^exponent."""

    exponent: float = 7.0

    def __post_init__(self) -> None:
        _expect(self.exponent > 0, self, "exponent > 0")

    def draw(self, noise: Noise, steps: int) -> Float[Tensor, "B T"]:
        return (noise.uniform(steps).double() ** (1 / self.exponent)).float()


@dataclass(frozen=True)
class Fixed(Law):
    """One level: 0 for what is given, 1 for what is absent, between them for features."""

    level: float

    def __post_init__(self) -> None:
        _expect(0 <= self.level <= 1, self, "0 <= level <= 1")

    def draw(self, noise: Noise, steps: int) -> Float[Tensor, "B T"]:
        return torch.full((len(noise.seed), steps), self.level, device=noise.seed.device)


@dataclass(frozen=True)
class Mixed(Law):
    """A share of the levels from another law."""

    share: float  # of the levels that come from `other`
    other: Law
    mostly: Law

    def __post_init__(self) -> None:
        _expect(0 <= self.share <= 1, self, "0 <= share <= 1")

    def draw(self, noise: Noise, steps: int) -> Float[Tensor, "B T"]:
        from_other = noise.fork("which").uniform(steps) < self.share
        return torch.where(from_other, self.other.draw(noise.fork("other"), steps), self.mostly.draw(noise.fork("mostly"), steps))


@dataclass(frozen=True)
class Same:
    """In `Levels`: not a draw of its own, but the level of an earlier stream."""

    stream: int  # its index


@dataclass(frozen=True)
class Levels:
    """The levels of several streams: `Levels((LogitNormal(), Uniform()))` independent, `Levels((LogitNormal(), Same(0)))` coupled.

    All frames of a stream are at one level.
    """

    laws: tuple[Law | Same, ...]  # one per stream

    def __post_init__(self) -> None:
        for index, law in enumerate(self.laws):
            if isinstance(law, Same):
                _expect(0 <= law.stream < index, self, f"the law of stream {index} to name an earlier stream")

    def draw(self, noise: Noise, steps: int) -> tuple[Float[Tensor, "B T"], ...]:
        """One tensor per stream. Stream i draws from `noise.fork(str(i))`: its levels do not depend on the other laws."""
        drawn: list[Tensor] = []
        for index, law in enumerate(self.laws):
            if isinstance(law, Same):
                drawn.append(drawn[law.stream])
            else:
                drawn.append(law.draw(noise.fork(str(index)), 1).expand(-1, steps))
        return tuple(drawn)


def _expect(fits: bool, what: object, expected: str) -> None:
    if not fits:
        raise ValueError(f"{what}: expected {expected}. Levels lie in [0, 1], where 0 is clean and 1 is noise.")
