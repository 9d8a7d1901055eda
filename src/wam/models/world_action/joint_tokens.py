"""What a joint model's streams look like to its transformer: frames as patches, the actions of a step as one token, and back.

Cells of an autoencoder's latents are patches alone. Pixels lie between convolutions: a token then says what is where, and leaves drawing it to
them, which see the noisy frame, the last one observed, and copies of it that are moved as a step is told, where it is told actions.

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

from wam.nets.blocks.grid import from_patches, grid_of, places, tokens_of
from wam.nets.blocks.group_norm import GROUPS, require_groups
from wam.nets.blocks.shifts import Shifts

STAYS = 1.0  # logit of the share of the last frame that a pixel begins with


class StreamTokens(nn.Module, ABC):
    """Numbers of T steps <-> tokens of T steps."""

    count: int  # tokens of a step
    shape: tuple[int, ...]  # of a step's numbers

    @abstractmethod
    def forward(self, x: Float[Tensor, "B T ..."]) -> Float[Tensor, "B L D"]:
        """L = T * count tokens, step by step."""

    @abstractmethod
    def read(
        self, tokens: Float[Tensor, "B L D"], entered: Float[Tensor, "B T ..."], last: Float[Tensor, "B c h w"], told: Float[Tensor, "B T E"]
    ) -> Float[Tensor, "B T ..."]:
        """Numbers of the shape of the steps.

        `entered`: what became these tokens; `last`: the last frame observed; `told`: what each step is told.
        """

    @abstractmethod
    def places(self, times: Sequence[int]) -> Int[Tensor, "L 3"]:
        """Time, row and column of each token."""


class FrameTokens(StreamTokens):
    """Frames "c h w" (pixels or latents) as patches of `patch` x `patch` cells."""

    def __init__(self, shape: tuple[int, int, int], width: int, *, patch: int):
        super().__init__()
        channels, height, across = shape
        self.shape, self.patch, self.grid = shape, patch, grid_of(height, across, patch)
        self.count = self.grid[0] * self.grid[1]
        self.enter = nn.Conv2d(channels, width, patch, stride=patch)
        self.cell = nn.Parameter(torch.randn(self.count, width) * 0.02)
        self.leave = _closed(width, channels * patch**2)

    def forward(self, x: Float[Tensor, "B T c h w"]) -> Float[Tensor, "B L D"]:
        """See `StreamTokens`: row by row from the top left."""
        return self._tokens(x.flatten(0, 1), len(x))

    def read(
        self, tokens: Float[Tensor, "B L D"], entered: Float[Tensor, "B T c h w"], last: Float[Tensor, "B c h w"], told: Float[Tensor, "B T E"]
    ) -> Float[Tensor, "B T c h w"]:
        """See `StreamTokens`. Tokens alone say it; zero as long as nothing was learned."""
        found: Tensor = self._frames(tokens, self.patch).unflatten(0, entered.shape[:2])
        return found

    def places(self, times: Sequence[int]) -> Int[Tensor, "L 3"]:
        """See `StreamTokens`."""
        return places(times, self.grid)

    def _tokens(self, frames: Float[Tensor, "N c h w"], rows: int) -> Float[Tensor, "B L D"]:
        """A token per patch of each of the B * T frames."""
        cells = tokens_of(self.enter(frames)) + self.cell
        tokens: Tensor = cells.unflatten(0, (rows, -1)).flatten(1, 2)
        return tokens

    def _frames(self, tokens: Float[Tensor, "B L D"], patch: int) -> Float[Tensor, "N c h w"]:
        """What each token says of its patch of `patch` x `patch`, laid out as frames."""
        return from_patches(self.leave(tokens).unflatten(1, (-1, self.count)).flatten(0, 1), self.grid, patch)


class PictureTokens(FrameTokens):
    """The same for pixels, between convolutions at half their size. Frames themselves are read, not velocities.

    Going in, a token sums up what convolutions made of its patch. Going out, tokens scale and shift (FiLM, 1709.07871) what convolutions see in
    the noisy frame, in the last one observed, and in copies of it that are moved as a whole, by as much as the step is told. From that, a picture is
    drawn, and for each pixel the shares of the last frame, of each copy and of the drawing (composited by masks, as in CDNA, 1605.07157): what stands
    still need not be learned, and of what moves only how far. Each camera moves by its own amounts and has shares of its own.
    """

    def __init__(self, shape: tuple[int, int, int], width: int, *, patch: int, channels: int, condition: int, moved: int, cameras: int = 1):
        """`condition`: E of what a step is told; `moved`: copies of the last frame, moved by that; `cameras`: V, side by side as its channels."""
        super().__init__(shape, width, patch=patch)
        if patch % 2:
            raise ValueError(f"patch is {patch}, expected a multiple of 2: pictures are drawn at half their size.")
        require_groups(channels)
        colours, cells = 4 * shape[0], patch // 2
        self.look = nn.Sequential(nn.PixelUnshuffle(2), *_convolved(colours, channels), *_convolved(channels, channels))
        self.enter = nn.Conv2d(channels, width, cells, stride=cells)
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * channels * cells**2))
        self.seen = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d((2 + moved) * colours, channels, 3, padding=1), nn.GroupNorm(GROUPS, channels))
        self.shares = (1 + moved, cameras)  # of a pixel, beside that of the drawing
        out = nn.Conv2d(channels, colours + 4 * (1 + moved) * cameras, 3, padding=1)
        self.draw = nn.Sequential(*_convolved(channels, channels), *_convolved(channels, channels), _close(out), nn.PixelShuffle(2))
        self.shifts = Shifts(condition, moved, cameras) if moved else None

    def forward(self, x: Float[Tensor, "B T c h w"]) -> Float[Tensor, "B L D"]:
        """See `StreamTokens`: row by row from the top left."""
        return self._tokens(self.look(x.flatten(0, 1)), len(x))

    def read(
        self, tokens: Float[Tensor, "B L D"], entered: Float[Tensor, "B T c h w"], last: Float[Tensor, "B c h w"], told: Float[Tensor, "B T E"]
    ) -> Float[Tensor, "B T c h w"]:
        """See `StreamTokens`; as long as nothing was learned, mostly the last frame and its copies."""
        scale, shift = self._frames(tokens, self.patch // 2).chunk(2, 1)
        copies = last[:, None, None].expand(-1, entered.shape[1], -1, -1, -1, -1)
        if self.shifts is not None:
            copies = torch.cat([copies, self.shifts(last, told).to(last.dtype)], 2)
        seen = self.seen(torch.cat([entered, copies.flatten(2, 3)], 2).flatten(0, 1))
        found = self.draw(F.gelu(seen * (1 + scale) + shift)).unflatten(0, entered.shape[:2])
        drawn, share = found[:, :, : entered.shape[2]], found[:, :, entered.shape[2] :].unflatten(2, self.shares)
        share = torch.cat([share[:, :, :1] + STAYS, share[:, :, 1:], torch.zeros_like(share[:, :, :1])], 2).softmax(2)
        every = torch.cat([copies, drawn[:, :, None].to(copies.dtype)], 2).unflatten(3, (self.shares[1], -1))
        shown: Tensor = (share[:, :, :, :, None] * every).sum(2).flatten(2, 3)
        return shown


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

    def read(
        self, tokens: Float[Tensor, "B T D"], entered: Float[Tensor, "B T A"], last: Float[Tensor, "B c h w"], told: Float[Tensor, "B T E"]
    ) -> Float[Tensor, "B T A"]:
        """See `StreamTokens`. Tokens alone say it; zero as long as nothing was learned."""
        found: Tensor = self.leave(tokens)
        return found

    def places(self, times: Sequence[int]) -> Int[Tensor, "T 3"]:
        """See `StreamTokens`."""
        return torch.tensor([[time, 0, 0] for time in times])


def _closed(width: int, outputs: int) -> nn.Sequential:
    """A head that gives zero until something was learned."""
    return nn.Sequential(nn.LayerNorm(width), _close(nn.Linear(width, outputs)))


def _close(layer: nn.Module) -> nn.Module:
    """The layer, which gives zero from now on until something was learned."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


def _convolved(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(GROUPS, outputs), nn.GELU()
