"""Pictures cut into patches, a token each, row by row from the top left; and tokens laid out as pictures again.

Does not know: how a patch becomes a token, or a token a patch (a convolution of that stride, a linear layer).
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

Grid = tuple[int, int]  # patches down and across


def grid_of(height: int, width: int, patch: int) -> Grid:
    """ValueError where patches of `patch` x `patch` cells do not fill frames of that size."""
    if height % patch or width % patch:
        raise ValueError(f"frames of {height} x {width} cells cannot be cut into patches of {patch}. Choose a size that divides both.")
    return height // patch, width // patch


def tokens_of(pictures: Float[Tensor, "N C h w"]) -> Float[Tensor, "N P C"]:
    """A token per cell, P = h * w."""
    tokens: Tensor = pictures.flatten(2).transpose(1, 2)
    return tokens


def pictures_of(tokens: Float[Tensor, "N P C"], grid: Grid) -> Float[Tensor, "N C h w"]:
    """What `tokens_of` was given. ValueError where P is not h * w of the grid."""
    if tokens.shape[1] != grid[0] * grid[1]:
        raise ValueError(f"{tokens.shape[1]} tokens do not fill a grid of {grid[0]} x {grid[1]}. Leave out registers and class tokens before.")
    pictures: Tensor = tokens.transpose(1, 2).unflatten(2, grid)
    return pictures


def from_patches(tokens: Float[Tensor, "N P _n"], grid: Grid, patch: int) -> Float[Tensor, "N c _h _w"]:
    """Each token as the c * patch * patch numbers of its patch."""
    return F.pixel_shuffle(pictures_of(tokens, grid), patch)


def places(times: Sequence[int], grid: Grid) -> Int[Tensor, "L 3"]:
    """Time, row and column of each token of as many frames."""
    return torch.cartesian_prod(torch.tensor(times), *(torch.arange(side) for side in grid))
