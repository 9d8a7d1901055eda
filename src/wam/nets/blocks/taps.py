"""Feature taps: hidden states of a video model as tokens for something else, e.g. a policy.

As VPP (2412.14803) does it: hidden pictures of several layers are brought to one grid, and their channels stand side by side.
A U-Net's `features` are pictures already; a transformer's hidden tokens become pictures by `grid.pictures_of`.
Does not know: which layers are worth tapping, or whether gradients may flow back (detach, or call the network without gradients).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from wam.nets.blocks.grid import Grid, tokens_of


def tapped(hidden: Sequence[Float[Tensor, "B T _c _h _w"]], grid: Grid) -> Float[Tensor, "B T P C"]:
    """Hidden pictures of any sizes as one token per cell of the grid, P = h * w; C is the sum of their channels.

    Larger pictures are averaged over a cell, smaller ones repeated. ValueError for no pictures.
    """
    if not hidden:
        raise ValueError("no hidden pictures were given, so there is nothing to make tokens of. Name at least one layer.")
    batch = hidden[0].shape[:2]
    cells = [tokens_of(F.adaptive_avg_pool2d(picture.flatten(0, 1), grid)) for picture in hidden]
    tokens: Tensor = torch.cat(cells, -1).unflatten(0, batch)
    return tokens
