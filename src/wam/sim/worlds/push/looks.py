"""Colours and backgrounds of the `push` world, as RGB in 0..1."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

RGB = tuple[float, float, float]

OBJECT_RGB: tuple[RGB, ...] = (
    (0.86, 0.15, 0.14),  # red
    (0.10, 0.58, 0.20),  # green
    (0.14, 0.30, 0.86),  # blue
    (0.96, 0.78, 0.08),  # yellow
    (0.56, 0.18, 0.68),  # purple
    (0.08, 0.72, 0.80),  # cyan
)
ZONE_RGB: tuple[RGB, ...] = ((0.95, 0.35, 0.33), (0.30, 0.75, 0.38), (0.36, 0.50, 0.95), (0.98, 0.84, 0.30))
PUSHER_RGB: RGB = (0.10, 0.10, 0.12)
WALL_RGB: RGB = (0.42, 0.36, 0.30)
ZONE_ALPHA = 0.45


@dataclass(frozen=True)
class Background:
    """The look of the table."""

    first: RGB
    second: RGB
    pattern: Literal["plain", "stripes", "checks", "gradient"] = "plain"
    period: float = 0.25  # m, of stripes and checks


BACKGROUNDS: tuple[Background, ...] = (
    Background((0.90, 0.88, 0.84), (0.90, 0.88, 0.84)),
    Background((0.84, 0.88, 0.91), (0.84, 0.88, 0.91)),
    Background((0.88, 0.91, 0.84), (0.88, 0.91, 0.84)),
    Background((0.93, 0.90, 0.83), (0.86, 0.82, 0.74), "stripes", 0.30),
    Background((0.90, 0.86, 0.90), (0.82, 0.78, 0.84), "gradient"),
    Background((0.92, 0.84, 0.80), (0.92, 0.84, 0.80)),
    Background((0.72, 0.76, 0.74), (0.72, 0.76, 0.74)),
    Background((0.90, 0.90, 0.90), (0.76, 0.78, 0.82), "checks", 0.25),
    Background((0.98, 0.94, 0.78), (0.80, 0.88, 0.92), "gradient"),
    Background((0.80, 0.72, 0.60), (0.74, 0.65, 0.53), "stripes", 0.16),
)
TRAIN_BACKGROUNDS = (0, 1, 2, 3, 4, 5)
HELD_OUT_BACKGROUNDS = (6, 7, 8, 9)


def table(index: int, x: Tensor, y: Tensor) -> Tensor:
    """RGB "3 h w" of background `index` at places x, y "h w" (m)."""
    look = BACKGROUNDS[index]
    if look.pattern == "stripes":
        share = (torch.remainder(x + 0.5 * y, look.period) < look.period / 2).to(x.dtype)
    elif look.pattern == "checks":
        share = torch.remainder((x / look.period).floor() + (y / look.period).floor(), 2)
    elif look.pattern == "gradient":
        share = (0.5 + 0.5 * (x + y)).clamp(0, 1)
    else:
        share = torch.zeros_like(x)
    first, second = x.new_tensor(look.first)[:, None, None], x.new_tensor(look.second)[:, None, None]
    return first + (second - first) * share
