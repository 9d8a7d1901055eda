"""What happened between two frames, wherever it happened: an encoder of pairs for latent actions.

Small convolutions look at both frames and their difference; cells are averaged, each weighed by how much it changed and by what
it shows, never by where it lies. So one push gives about the same numbers all over the table, from the first step of training
on.
Does not know: which part of a change was wanted. Footgun: where nothing changes, all cells count alike.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from wam.nets.blocks.mlp import mlp

STILL = 1e-4  # what an unchanged cell counts as, in units of change


class Changes(nn.Module):
    """Pairs of frames "N c h w" -> "N outputs". Sides must be multiples of 4."""

    def __init__(self, channels: int, outputs: int, *, width: int = 32, dim: int = 128, heads: int = 4):
        """`width`: channels of the first layer, doubled once. `dim`: of the perceptron. `heads`: averages taken side by side."""
        super().__init__()
        wide = 2 * width
        self.body = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(12 * channels, width, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(width, wide, 4, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(wide, wide, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(wide, wide, 3, padding=1),
            nn.GELU(),
        )
        self.look = nn.Conv2d(wide, heads, 1)
        self.head = nn.Sequential(nn.LayerNorm(heads * wide), mlp(heads * wide, dim, outputs))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, before: Float[Tensor, "N c h w"], after: Float[Tensor, "N c h w"]) -> Float[Tensor, "N D"]:
        change = after - before
        cells = self.body(torch.cat([before, after, change], 1).contiguous(memory_format=torch.channels_last))
        moved = F.adaptive_avg_pool2d(change.abs().amax(1, keepdim=True), cells.shape[-2:])
        weight = (self.look(cells) + (moved + STILL).log()).flatten(2).softmax(-1)
        found: Tensor = self.head((weight @ cells.flatten(2).transpose(1, 2)).flatten(1))
        return found
