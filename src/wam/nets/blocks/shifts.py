"""Copies of a picture, each moved as a whole, by as much as a vector says: what a body leaves and enters need not be drawn anew.

The share of each old pixel in a new one is a Gaussian about where it comes from, whose width says how sure that is: gradients reach
across the picture at first, and copies get sharp. As the transformations of CDNA and STP (1605.07157, section 3), which give kernels
of a few pixels, or sample four.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

UNIT = 4.0  # px per unit of what the vector says
SHARPEST = 0.3  # px, of the Gaussian: narrower ones have no gradient


class Shifts(nn.Module):
    """`count` copies N. Rows and columns move each for themselves."""

    def __init__(self, condition: int, count: int):
        super().__init__()
        self.count, self.where = count, nn.Linear(condition, 3 * count)

    def forward(self, picture: Float[Tensor, "B c h w"], told: Float[Tensor, "B T E"]) -> Float[Tensor, "B T N c h w"]:
        """A picture per row, moved as each of its T vectors says. Beyond its edges it goes on as at the nearest pixels."""
        down, right, width = self.where(told).float().unflatten(-1, (self.count, 3)).unbind(-1)
        width = SHARPEST + F.softplus(width + 1)
        rows, columns = (_moved(UNIT * by, width, side) for by, side in ((down, picture.shape[2]), (right, picture.shape[3])))
        return torch.einsum("btnyi,bcij,btnxj->btncyx", rows, picture.float(), columns)


def _moved(by: Float[Tensor, "B T N"], width: Float[Tensor, "B T N"], side: int) -> Float[Tensor, "B T N s s"]:
    """The share of each old pixel (last) in each new one."""
    pixels = torch.arange(side, device=by.device, dtype=by.dtype)
    apart = pixels[:, None] - pixels - by[..., None, None]
    return (-0.5 * (apart / width[..., None, None]).square()).softmax(-1)
