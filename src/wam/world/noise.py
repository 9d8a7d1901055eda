"""Row-wise noise: row i of draw h depends only on (seed[i], stream, step[i] + h).

A batch can be permuted, tiled and compiled, and the same row gives the same future wherever it stands. Random numbers come
from a counter: the 64-bit finaliser of SplitMix (Steele et al., 2014), two 23-bit uniforms per hash, Box-Muller for normals.
Not cryptographic. The caller chains with `advance`: predicting H steps consumes H.
"""

import math
from collections.abc import Iterable
from typing import Self

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wam.world.record import Record, record


def _i64(value: int) -> int:
    """The low 64 bits, read as a signed number."""
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >= 1 << 63 else value


GOLDEN, FIRST, SECOND, STREAM = (_i64(value) for value in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD1B54A32D192ED03))
NAME_ENDS = 0x110001  # beyond any letter: fork("a").fork("b") is not fork("ab")


def _shift(x: Tensor, count: int) -> Tensor:
    """Logical right shift of int64."""
    return (x >> count) & ((1 << (64 - count)) - 1)


def _mix(x: Tensor) -> Tensor:
    x = (x ^ _shift(x, 30)) * FIRST
    x = (x ^ _shift(x, 27)) * SECOND
    return x ^ _shift(x, 31)


@record
class Noise(Record):
    """Where each row of a batch stands in its own random sequence."""

    seed: Int[Tensor, "B"]
    step: Int[Tensor, "B"]
    stream: int = 0  # set by `fork`

    @staticmethod
    def of(seeds: Iterable[int] | Tensor, device: torch.device | str = "cpu") -> "Noise":
        """A fresh sequence per row."""
        seed = torch.as_tensor(seeds if isinstance(seeds, Tensor) else list(seeds), dtype=torch.int64, device=device)
        return Noise(seed=seed, step=torch.zeros_like(seed))

    def advance(self, steps: int) -> Self:
        """The sequence after `steps` draws."""
        return type(self)(seed=self.seed, step=self.step + steps, stream=self.stream)

    def fork(self, name: str) -> Self:
        """An independent sequence for another use, by name."""
        stream = self.stream
        for code in (*(ord(letter) + 1 for letter in name), NAME_ENDS):  # FNV-1a in plain integers, which torch.compile can follow
            stream = ((stream ^ code) * 0x100000001B3) & ((1 << 64) - 1)
        return type(self)(seed=self.seed, step=self.step, stream=stream)

    def spread(self, count: int) -> Self:
        """Each row `count` times with sequences of their own; `repeat` would share the row's sequence."""
        index = torch.arange(count, device=self.seed.device)
        seed = _mix(self.seed[:, None] + (index + 1) * STREAM).flatten()
        return type(self)(seed=seed, step=self.step.repeat_interleave(count), stream=self.stream)

    def _bits(self, steps: int, count: int) -> Tensor:
        """Hashes "B steps count"."""
        ahead = torch.arange(steps, device=self.seed.device)
        key = _mix(_mix(self.seed * GOLDEN + _i64(self.stream * STREAM))[:, None] + (self.step[:, None] + ahead) * GOLDEN)
        counter = torch.arange(1, count + 1, device=self.seed.device)
        return _mix(key[..., None] + counter * STREAM)

    def uniform(self, steps: int, *shape: int, dtype: torch.dtype = torch.float32) -> Float[Tensor, "B H ..."]:
        """`steps` draws of uniform numbers in (0, 1), each of the given shape."""
        size = math.prod(shape)
        bits = self._bits(steps, (size + 1) // 2)
        both = torch.stack([_shift(bits, 41), bits & 0x7FFFFF], -1).flatten(2)[..., :size]
        return ((both.to(torch.float32) + 0.5) * 2.0**-23).to(dtype).view(len(self.seed), steps, *shape)

    def normal(self, steps: int, *shape: int, dtype: torch.dtype = torch.float32) -> Float[Tensor, "B H ..."]:
        """`steps` draws of standard normal numbers, each of the given shape."""
        size = math.prod(shape)
        bits = self._bits(steps, (size + 1) // 2)
        radius = (-2 * ((_shift(bits, 41).to(torch.float32) + 0.5) * 2.0**-23).log()).sqrt()
        angle = (bits & 0x7FFFFF).to(torch.float32) * (2 * math.pi * 2.0**-23)
        both = torch.stack([radius * angle.cos(), radius * angle.sin()], -1).flatten(2)[..., :size]
        return both.to(dtype).view(len(self.seed), steps, *shape)

    def integers(self, steps: int, high: int, *shape: int) -> Int[Tensor, "B H ..."]:
        """`steps` draws of integers 0 .. high - 1 (high well below 2^23)."""
        return (self.uniform(steps, *shape) * high).long().clamp(max=high - 1)


def require_noise(noise: Noise | None, who: str) -> Noise:
    """The noise, or an error that says how to make one."""
    if noise is None:
        raise ValueError(f"{who} is stochastic and was called without noise. Pass noise=Noise.of(seeds), one seed per row.")
    return noise
