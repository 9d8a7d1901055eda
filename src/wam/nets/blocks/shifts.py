"""Copies of a picture, each moved as a whole, by as much as a vector says: what a body leaves and enters need not be drawn anew.

The share of each old pixel in a new one is a Gaussian about where it comes from, whose width says how sure that is: gradients reach
across the picture at first, and copies get sharp. As the transformations of CDNA and STP (1605.07157, section 3), which give kernels
of a few pixels, or sample four.
"""

from contextlib import nullcontext

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

UNIT = 4.0  # px per unit of what the vector says
SHARPEST = 0.3  # px, of the Gaussian: narrower ones have no gradient


class Shifts(nn.Module):
    """`count` copies N of V pictures that lie side by side as channels, one per camera. Rows and columns move each for themselves."""

    def __init__(self, condition: int, count: int, cameras: int = 1):
        super().__init__()
        self.apart, self.where = (count, cameras, 3), nn.Linear(condition, 3 * count * cameras)

    def forward(self, picture: Float[Tensor, "B c h w"], told: Float[Tensor, "B T E"]) -> Float[Tensor, "B T N c h w"]:
        """Each row's pictures, moved as each of its T vectors says. Beyond its edges a picture goes on as at the nearest pixels."""
        exact = torch.promote_types(picture.dtype, torch.float32)  # places need more digits than bfloat16 has
        moves, kind = self.where(told).to(exact), picture.device.type
        with torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext():
            down, right, width = moves.unflatten(-1, self.apart).unbind(-1)
            width = SHARPEST + F.softplus(width + 1)
            rows, columns = (_moved(UNIT * by, width, side) for by, side in ((down, picture.shape[2]), (right, picture.shape[3])))
            seen = picture.to(exact).unflatten(1, (self.apart[1], -1))
            return torch.einsum("btnvyi,bvcij,btnvxj->btnvcyx", rows, seen, columns).flatten(3, 4)


def _moved(by: Float[Tensor, "B T N V"], width: Float[Tensor, "B T N V"], side: int) -> Float[Tensor, "B T N V s s"]:
    """The share of each old pixel (last) in each new one."""
    pixels = torch.arange(side, device=by.device, dtype=by.dtype)
    apart = pixels[:, None] - pixels - by[..., None, None]
    return (-0.5 * (apart / width[..., None, None]).square()).softmax(-1)
