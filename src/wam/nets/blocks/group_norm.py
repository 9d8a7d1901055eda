"""Group normalisation (Wu & He, arXiv 1803.08494) for pictures whose channels lie last in memory, on a CPU.

torch's kernel for them (2.13) is slow in bfloat16 (`benchmarks/group_norm.py`), and ends the process going back where the picture itself
needs no gradient. In both cases pictures are laid out anew, normalised, and laid back: two copies.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

GROUPS = 8  # of channels that are normalised together


def require_groups(*channels: int) -> None:
    """ValueError where channels cannot be normalised in groups."""
    if any(count % GROUPS for count in channels):
        raise ValueError(f"{list(channels)} channels, expected multiples of {GROUPS}: so many groups are normalised. Choose such a width.")


class GroupNorm(nn.GroupNorm):
    """As torch's. "N c h w" or "N c h"; the layout stays as it came."""

    def forward(self, x: Float[Tensor, "N c *size"]) -> Float[Tensor, "N c *size"]:
        last = x.ndim == 4 and x.device.type == "cpu" and not x.is_contiguous()
        if last and (x.dtype == torch.bfloat16 or (torch.is_grad_enabled() and not x.requires_grad)):
            return super().forward(x.contiguous()).contiguous(memory_format=torch.channels_last)
        return super().forward(x)
