"""What a joint model's streams look like to its transformer: frames as patches, the actions of a step as one token, and back.

A stream has K model steps; a step is `count` tokens. Places are (time, row, column), time in model steps, 0 = the present frame.
The R actions of a step are one token and not R: they belong to the one frame that they lead to, a step of the video and a step of
the actions have one noise level each, and sequences stay short.
Does not know: noise, units (numbers come at about unit scale). Footgun: rotary places tell attention where to look, but not what a
token found there; so cells also have a learned vector of their own, without which actions cannot read a position off a picture.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F


class StreamTokens(nn.Module, ABC):
    """Numbers of T steps <-> tokens of T steps."""

    count: int  # tokens of a step
    shape: tuple[int, ...]  # of a step's numbers

    @abstractmethod
    def forward(self, x: Float[Tensor, "B T ..."]) -> Float[Tensor, "B L D"]:
        """L = T * count tokens, step by step."""

    @abstractmethod
    def read(self, tokens: Float[Tensor, "B L D"]) -> Float[Tensor, "B T ..."]:
        """Numbers of the shape of the steps; zero as long as nothing was learned."""

    @abstractmethod
    def places(self, times: Sequence[int]) -> Int[Tensor, "L 3"]:
        """Time, row and column of each token."""


class FrameTokens(StreamTokens):
    """Frames "c h w" (pixels or latents) as patches of `patch` x `patch` cells."""

    def __init__(self, shape: tuple[int, int, int], width: int, *, patch: int):
        super().__init__()
        channels, height, across = shape
        if height % patch or across % patch:
            raise ValueError(f"frames of {height} x {across} cells cannot be cut into patches of {patch}. Choose a size that divides both.")
        self.shape, self.patch, self.grid = shape, patch, (height // patch, across // patch)
        self.count = self.grid[0] * self.grid[1]
        self.enter = nn.Conv2d(channels, width, patch, stride=patch)
        self.cell = nn.Parameter(torch.randn(self.count, width) * 0.02)
        self.leave = _closed(width, channels * patch**2)

    def forward(self, x: Float[Tensor, "B T c h w"]) -> Float[Tensor, "B L D"]:
        """See `StreamTokens`: row by row from the top left."""
        cells = self.enter(x.flatten(0, 1)).flatten(2).transpose(1, 2) + self.cell
        tokens: Tensor = cells.unflatten(0, x.shape[:2]).flatten(1, 2)
        return tokens

    def read(self, tokens: Float[Tensor, "B L D"]) -> Float[Tensor, "B T c h w"]:
        """See `StreamTokens`."""
        cells = self.leave(tokens).unflatten(1, (-1, self.count))
        frames = F.pixel_shuffle(cells.flatten(0, 1).transpose(1, 2).unflatten(2, self.grid), self.patch)
        found: Tensor = frames.unflatten(0, cells.shape[:2])
        return found

    def places(self, times: Sequence[int]) -> Int[Tensor, "L 3"]:
        """See `StreamTokens`."""
        return torch.cartesian_prod(torch.tensor(times), *(torch.arange(side) for side in self.grid))


class ActionTokens(StreamTokens):
    """The `size` numbers of a step's actions as one token. They have no row and no column."""

    def __init__(self, size: int, width: int):
        super().__init__()
        self.count, self.shape = 1, (size,)
        self.enter = nn.Linear(size, width)
        self.leave = _closed(width, size)

    def forward(self, x: Float[Tensor, "B T A"]) -> Float[Tensor, "B T D"]:
        """See `StreamTokens`."""
        tokens: Tensor = self.enter(x)
        return tokens

    def read(self, tokens: Float[Tensor, "B T D"]) -> Float[Tensor, "B T A"]:
        """See `StreamTokens`."""
        found: Tensor = self.leave(tokens)
        return found

    def places(self, times: Sequence[int]) -> Int[Tensor, "T 3"]:
        """See `StreamTokens`."""
        return torch.tensor([[time, 0, 0] for time in times])


def _closed(width: int, outputs: int) -> nn.Sequential:
    """A head that gives zero until something was learned."""
    last = nn.Linear(width, outputs)
    for parameter in last.parameters():
        nn.init.zeros_(parameter)
    return nn.Sequential(nn.LayerNorm(width), last)
