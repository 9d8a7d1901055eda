"""Rotary positions over several axes: time, row, column.

A head's width is cut into pairs of channels, the pairs are dealt out to the axes (the first axes get one more where it does not
come out even), and each pair turns by the token's place along its axis times a frequency of its own (Su et al., 2104.09864,
eq. 14-16; over several axes as in Wan, 2503.20314). A score of turned queries and keys depends only on differences of places, so
places may count from anywhere, may be fractional (four actions between two frames) and need no largest value.
Frequencies fall from 1 to about 1 / base within each axis. The base is 100 and not the 10,000 of language: places here are frames
and patches, tens and not thousands, and a pair that hardly turns tells no places apart.
Tokens without a place on an axis (actions have no row, registers nothing at all) take 0 there.
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

Turn = tuple[Float[Tensor, "*rows L e"], Float[Tensor, "*rows L e"]]


def turns(places: Shaped[Tensor, "*rows L A"], width: int, dtype: torch.dtype, base: float = 100.0) -> Turn:
    """Cosine and signed sine of the angle of each channel, at least in single precision. Channels c and c + width / 2 are a pair.

    places: along A axes, integer or fractional. ValueError where the width has no pair for each axis.
    """
    axes, pairs = places.shape[-1], width // 2
    if width % 2 or not 0 < axes <= pairs:
        raise ValueError(f"a head of width {width} over {axes} axes: expected an even width, 2 or more for each axis. Set head_width accordingly.")
    exact = torch.promote_types(dtype, torch.float32)
    angles = []
    for axis in range(axes):
        count = pairs // axes + (axis < pairs % axes)
        frequency = base ** -(torch.arange(count, device=places.device, dtype=exact) / count)
        angles.append(places[..., axis, None].to(exact) * frequency)
    angle = torch.cat(angles, -1)
    cosine, sine = angle.cos(), angle.sin()
    return torch.cat([cosine, cosine], -1), torch.cat([-sine, sine], -1)


def rotate(x: Float[Tensor, "B L *heads e"], turn: Turn) -> Float[Tensor, "B L *heads e"]:
    """Queries or keys turned to their places; `turn` of all rows together ("L e") or of each row ("B L e")."""
    cosine, sine = (part.unflatten(-2, (-1, *[1] * (x.ndim - 3))) for part in turn)
    return torch.addcmul(x * cosine, x.roll(x.shape[-1] // 2, -1), sine).to(x.dtype)
