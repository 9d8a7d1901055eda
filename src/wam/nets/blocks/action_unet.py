"""A one-dimensional convolutional U-Net over the actions of a chunk, as in Diffusion Policy (2303.04137, section 3.1).

Time is halved at each level; every residual block is scaled and shifted by the condition (FiLM, 1709.07871). At the coarsest
level the actions look at context tokens, where there are any (not in the paper; it makes this head and `ActionExpert` swappable).
Any number of actions: the last is repeated up to a multiple of what the levels need, and the surplus is cut off again.
Every block and the exit start at zero: an untrained head gives zero.
Does not know: units of actions, noise levels (they come in the condition). Footgun: convolutions prefer smooth sequences; for
actions that change sharply, such as velocities, the transformer is the better head (same section).
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from wam.nets.blocks.group_norm import GROUPS, GroupNorm, require_groups
from wam.nets.blocks.resampler import Attention, require_context
from wam.nets.blocks.unet import Residual

KERNEL = 5  # actions


class ActionUNet(nn.Module):
    """Down, look at the context, up."""

    def __init__(
        self,
        actions: int,  # A
        condition: int,  # E
        *,
        context: int = 0,  # D, width of context tokens; 0 = none
        width: int = 64,  # channels of the finest level
        levels: tuple[int, ...] = (1, 2),  # channels of each level as multiples of `width`, finest first
        heads: int = 4,
    ):
        super().__init__()
        sizes = [width * level for level in levels]
        require_groups(*sizes)
        self.context, self.multiple = context, 2 ** (len(sizes) - 1)
        self.enter = nn.Conv1d(actions, sizes[0], KERNEL, padding=KERNEL // 2)
        self.down = nn.ModuleList(Residual(size, size, condition, nn.Conv1d, KERNEL) for size in sizes)
        self.shrink = nn.ModuleList(nn.Conv1d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(sizes))
        self.look = Attention(sizes[-1], heads, context) if context else None
        self.bottom = Residual(sizes[-1], sizes[-1], condition, nn.Conv1d, KERNEL)
        self.grow = nn.ModuleList(nn.ConvTranspose1d(coarse, fine, 2, stride=2) for coarse, fine in pairwise(reversed(sizes)))
        self.up = nn.ModuleList(Residual(2 * size, size, condition, nn.Conv1d, KERNEL) for size in reversed(sizes[:-1]))
        self.leave = nn.Sequential(GroupNorm(GROUPS, sizes[0]), nn.SiLU(), nn.Conv1d(sizes[0], actions, 1))
        for parameter in self.leave[-1].parameters():
            nn.init.zeros_(parameter)

    def forward(
        self,
        x: Float[Tensor, "B H A"],
        condition: Float[Tensor, "B E"],
        context: Float[Tensor, "B K D"] | None = None,
    ) -> Float[Tensor, "B H A"]:
        """See `ActionHead`. ValueError for context tokens that the head was not built for."""
        require_context(context, self.context)
        told = F.silu(condition)
        surplus = -x.shape[1] % self.multiple
        hidden = self.enter(F.pad(x.transpose(1, 2), (0, surplus), mode="replicate"))
        skips = []
        for level, block in enumerate(self.down):
            hidden = block(self.shrink[level - 1](hidden) if level else hidden, told)
            skips.append(hidden)
        if self.look is not None and context is not None:
            hidden = self.look(hidden.transpose(1, 2), context).transpose(1, 2)
        hidden = self.bottom(hidden, told)
        for grow, block, skip in zip(self.grow, self.up, reversed(skips[:-1]), strict=True):
            hidden = block(torch.cat([grow(hidden), skip], 1), told)
        out: Tensor = self.leave(hidden)[:, :, : x.shape[1]].transpose(1, 2)
        return out
