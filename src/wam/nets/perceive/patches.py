"""Pictures as tokens, one per patch, and a small encoder that learns without labels or actions by filling in what is hidden.

`PatchEncoder` is what every encoder of this room gives: "N 3 h w" in [0, 1] -> "N P D", patches row by row from the top left.
`ConvPatchEncoder` halves the picture until a pixel is a patch. `MaskedReconstruction` hides most cells of each frame and asks
for all of its pixels (after SimMIM, 2111.09886: what is hidden has one learned colour, the head is linear). Cells should be
smaller than the things that matter: where a part of one stays visible, it can be told where it is, and has to be.
Does not know: robots, time.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from wam.nets.blocks.group_norm import GROUPS, require_groups
from wam.nets.perceive.emphasis import emphasised_error
from wam.world import Noise


class PatchEncoder(nn.Module, ABC):
    """Tokens of single pictures."""

    grid: tuple[int, int]  # patches down and across
    width: int  # D

    @abstractmethod
    def forward(self, rgb: Float[Tensor, "N 3 h w"]) -> Float[Tensor, "N P D"]:
        """Pictures in [0, 1]."""


class ConvPatchEncoder(PatchEncoder):
    """2 x 2 pixels fold into channels, then the picture is halved until a pixel is a patch; one more layer looks at the neighbours."""

    def __init__(self, height: int, width: int, *, patch: int = 8, dim: int = 64, channels: int = 32):
        super().__init__()
        halvings = patch.bit_length() - 2
        if patch < 2 or patch != 2 * 2**halvings or height % patch or width % patch:
            raise ValueError(f"pictures of {height} x {width} px cannot be cut into patches of {patch} px; choose 2, 4, 8, ... that divides both.")
        require_groups(channels)
        self.patch, self.grid, self.width = patch, (height // patch, width // patch), dim
        parts: list[nn.Module] = [nn.PixelUnshuffle(2), *_layer(nn.Conv2d(12, channels, 3, padding=1))]
        for level in range(halvings):
            parts += _layer(nn.Conv2d(channels * 2**level, channels * 2 ** (level + 1), 4, stride=2, padding=1))
        top = channels * 2**halvings
        self.body = nn.Sequential(*parts, *_layer(nn.Conv2d(top, top, 3, padding=1)), nn.Conv2d(top, dim, 1))

    def forward(self, rgb: Float[Tensor, "N 3 h w"]) -> Float[Tensor, "N P D"]:
        """See `PatchEncoder`."""
        tokens: Tensor = self.body(rgb - 0.5).flatten(2).transpose(1, 2)
        return tokens


def _layer(convolution: nn.Conv2d) -> list[nn.Module]:
    return [convolution, nn.GroupNorm(GROUPS, convolution.out_channels), nn.GELU()]


class MaskedReconstruction(nn.Module):
    """Pretrains an encoder: hidden cells are to be told from the others."""

    def __init__(self, encoder: ConvPatchEncoder, hidden: float = 0.5, cell: int = 4):
        super().__init__()
        if encoder.patch % cell:
            raise ValueError(f"cells of {cell} px do not fill patches of {encoder.patch} px; choose a size that divides them.")
        self.encoder, self.hidden, self.cell = encoder, hidden, cell  # share of the picture; px
        self.blank = nn.Parameter(torch.full((3, 1, 1), 0.5))  # colour of what is hidden
        self.head = nn.Linear(encoder.width, 3 * encoder.patch**2)

    def loss(self, rgb: Float[Tensor, "N 3 h w"], emphasis: Float[Tensor, "N 1 h w"], noise: Noise) -> Float[Tensor, "N"]:
        """Error of all pixels, hidden or not, see `emphasised_error`: small things are few pixels."""
        hidden = self.mask(noise, len(rgb)).to(rgb.dtype)
        tokens = self.encoder(rgb * (1 - hidden) + self.blank.to(rgb.dtype) * hidden)
        found = F.fold(self.head(tokens).float().transpose(1, 2), rgb.shape[-2:], self.encoder.patch, stride=self.encoder.patch)
        return emphasised_error(found, rgb, emphasis)

    def mask(self, noise: Noise, count: int) -> Float[Tensor, "N 1 h w"]:
        """1 where a pixel is hidden: the same number of cells in every picture, other ones by chance."""
        down, across = (side * self.encoder.patch // self.cell for side in self.encoder.grid)
        order = noise.fork("mask").uniform(1, down * across)[:, 0].argsort(1).argsort(1)
        cells = (order < max(1, round(self.hidden * down * across))).view(-1, 1, down, across)
        return cells.float().repeat_interleave(self.cell, 2).repeat_interleave(self.cell, 3)
