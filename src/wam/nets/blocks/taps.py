"""Feature taps: hidden states of a video model as tokens for something else, e.g. a policy.

As VPP (2412.14803) does it: hidden pictures of several layers are brought to one grid, and their channels stand side by side.
A U-Net's `features` are pictures already; a transformer's hidden tokens become pictures by `pictures`.
Does not know: which layers are worth tapping, or whether gradients may flow back (detach, or call the network without gradients).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def pictures(tokens: Float[Tensor, "B T P C"], grid: tuple[int, int]) -> Float[Tensor, "B T C h w"]:
    """Tokens, row by row from the top left, as pictures of h x w = `grid`. ValueError where P is not h * w."""
    if tokens.shape[2] != grid[0] * grid[1]:
        raise ValueError(f"{tokens.shape[2]} tokens do not fill a grid of {grid[0]} x {grid[1]}. Leave out registers and class tokens before.")
    shown: Tensor = tokens.transpose(2, 3).unflatten(3, grid)
    return shown


def tapped(hidden: Sequence[Float[Tensor, "B T _c _h _w"]], grid: tuple[int, int]) -> Float[Tensor, "B T P C"]:
    """Hidden pictures of any sizes as one token per cell of the grid, P = h * w; C is the sum of their channels.

    Larger pictures are averaged over a cell, smaller ones repeated. ValueError for no pictures.
    """
    if not hidden:
        raise ValueError("no hidden pictures were given, so there is nothing to make tokens of. Name at least one layer.")
    batch = hidden[0].shape[:2]
    cells = [F.adaptive_avg_pool2d(picture.flatten(0, 1), grid).flatten(2).transpose(1, 2) for picture in hidden]
    tokens: Tensor = torch.cat(cells, -1).unflatten(0, batch)
    return tokens
