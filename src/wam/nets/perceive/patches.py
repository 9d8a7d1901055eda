"""Pictures as tokens, one per patch, and a small encoder that learns without labels or actions by filling in what is hidden.

`PatchEncoder` is what every encoder of this room gives: "N 3 h w" in [0, 1] -> "N P D", patches row by row from the top left.
`SmallPatchEncoder` is a transformer over patches. `MaskedReconstruction` hides most patches of each frame and asks for their
pixels (after SimMIM, 2111.09886: hidden patches become one learned token, the head is linear).
Does not know: robots, time.
"""

from abc import ABC, abstractmethod

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from wam.world import Noise


class PatchEncoder(nn.Module, ABC):
    """Tokens of single pictures."""

    grid: tuple[int, int]  # patches down and across
    width: int  # D

    @abstractmethod
    def forward(self, rgb: Float[Tensor, "N 3 h w"]) -> Float[Tensor, "N P D"]:
        """Pictures in [0, 1]."""


class SmallPatchEncoder(PatchEncoder):
    """Patches -> linear tokens + learned places -> transformer layers (pre-norm)."""

    def __init__(self, height: int, width: int, *, patch: int = 8, dim: int = 64, depth: int = 3, heads: int = 4):
        super().__init__()
        if height % patch or width % patch:
            raise ValueError(f"pictures of {height} x {width} px cannot be cut into patches of {patch} px; choose a size that is a multiple.")
        self.patch, self.grid, self.width = patch, (height // patch, width // patch), dim
        self.embed = nn.Conv2d(3, dim, patch, patch)
        self.place = nn.Parameter(torch.randn(self.grid[0] * self.grid[1], dim) * 0.02)
        self.layers = nn.ModuleList([nn.TransformerEncoderLayer(dim, heads, 4 * dim, 0.0, "gelu", batch_first=True, norm_first=True) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)

    def forward(self, rgb: Float[Tensor, "N 3 h w"]) -> Float[Tensor, "N P D"]:
        """See `PatchEncoder`."""
        return self.contextual(self.tokens(rgb))

    def tokens(self, rgb: Float[Tensor, "N 3 h w"]) -> Float[Tensor, "N P D"]:
        """Each patch by itself, before places are added."""
        found: Tensor = self.embed(rgb - 0.5).flatten(2).transpose(1, 2)
        return found

    def contextual(self, tokens: Float[Tensor, "N P D"]) -> Float[Tensor, "N P D"]:
        """With places, after all layers."""
        x = tokens + self.place
        for layer in self.layers:
            x = layer(x)
        out: Tensor = self.norm(x)
        return out


class MaskedReconstruction(nn.Module):
    """Pretrains an encoder: hidden patches are to be told from the others."""

    def __init__(self, encoder: SmallPatchEncoder, hidden: float = 0.6):
        super().__init__()
        self.encoder, self.hidden = encoder, hidden
        self.blank = nn.Parameter(torch.zeros(encoder.width))
        self.head = nn.Linear(encoder.width, 3 * encoder.patch**2)

    def loss(self, rgb: Float[Tensor, "N 3 h w"], noise: Noise) -> Float[Tensor, "N"]:
        """Mean absolute error of the hidden patches' pixels; patches with detail count as much as flat ones."""
        mask = self.mask(noise, len(rgb))
        tokens = self.encoder.tokens(rgb)
        seen = torch.where(mask[..., None], self.blank.to(tokens.dtype), tokens)
        wrong = (self.head(self.encoder.contextual(seen)) - self.patches(rgb)).abs().mean(-1)
        error: Tensor = (wrong * mask).sum(1) / mask.sum(1)
        return error

    def mask(self, noise: Noise, count: int) -> Bool[Tensor, "N P"]:
        """Which patches are hidden: the same number in every picture, other ones by chance."""
        patches = self.encoder.grid[0] * self.encoder.grid[1]
        order = noise.fork("mask").uniform(1, patches)[:, 0].argsort(1).argsort(1)
        return order < max(1, round(self.hidden * patches))

    def patches(self, rgb: Float[Tensor, "N 3 h w"]) -> Float[Tensor, "N P K"]:
        """Pixels of each patch."""
        return nn.functional.unfold(rgb, self.encoder.patch, stride=self.encoder.patch).transpose(1, 2)
