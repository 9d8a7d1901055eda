"""What generates the next frames: a network, and what it remembers of the clean frames before them.

A backbone is asked for the K frames of a chunk, noisy as they are, with a condition vector per frame (noise level, actions)
and words. What it knows of earlier frames is its memory, a record that `remember` continues with clean frames; `predict` and
`observe` of a model, and its training, go through the same two calls, so what is trained is what is used.

`UNetBackbone` keeps the last W frames, where asked also the first (`anchor`), and shows them to the network beside every noisy one
(context by channels, UniPi), or beside all K of a chunk at once (`StackedBackbone`).
`TransformerBackbone` keeps keys and values of clean frames' tokens (frames by replacement, Cosmos): frame by frame causal,
a band of W frames, cached and uncached alike; those of a chunk see each other all, those before them, or not at all.
Knows: latents z "B T c h w".   Does not know: pictures, actions, noise laws, samplers.
"""

from abc import ABC, abstractmethod
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from wam.nets.blocks.grid import from_patches, grid_of, pictures_of, places, tokens_of
from wam.nets.blocks.masks import EVERY, Group, Rule, mask
from wam.nets.blocks.recent import Anchored, Recent
from wam.nets.blocks.stream_cache import StreamCache
from wam.nets.blocks.streams import StreamTransformer, Trace
from wam.nets.blocks.unet import Time, UNet
from wam.world.record import Record

Words = tuple[Float[Tensor, "B K D"], Bool[Tensor, "B K"]]  # tokens, and which of them are real


class Backbone(nn.Module, ABC):
    """See the module's docstring."""

    @abstractmethod
    def empty(self, batch: int) -> Record:
        """Nothing was seen."""

    @abstractmethod
    def remember(self, memory: Record, z: Float[Tensor, "B T c h w"], condition: Float[Tensor, "B T E"], joined: Bool[Tensor, "B T"]) -> Record:
        """The memory after these clean frames. `joined`: False where a frame begins a new stretch; nothing before it counts then."""

    @abstractmethod
    def forward(self, memory: Record, noisy: Float[Tensor, "B K c h w"], condition: Float[Tensor, "B K E"], words: Words | None) -> Float[Tensor, "B K o h w"]:
        """The network's answer for the K frames that follow."""

    @abstractmethod
    def features(self, memory: Record, noisy: Float[Tensor, "B K c h w"], condition: Float[Tensor, "B K E"], words: Words | None) -> list[Tensor]:
        """What the network computes on the way to its answer: hidden pictures "B K c_l h_l w_l" of its layers. For `nets.blocks.taps`."""


class UNetBackbone(Backbone):
    """A U-Net over each noisy frame, beside which stand the last `context` clean ones.

    `anchor`: and the first of the stretch, however long ago: what stood still or was covered since can be looked up there.
    """

    def __init__(self, shape: tuple[int, int, int], unet: UNet, *, context: int, anchor: bool = False):
        super().__init__()
        self.shape, self.context, self.net, self.anchor = shape, context, unet, anchor
        self.register_buffer("zero", torch.zeros(()), persistent=False)  # knows the type and the device
        self.zero: Tensor

    @staticmethod
    def channels(shape: tuple[int, int, int], context: int, stacked: int = 1, *, anchor: bool = False) -> int:
        """What the U-Net takes: `stacked` noisy frames, the clean ones, and for each of those whether it is known."""
        return stacked * shape[0] + (context + anchor) * (shape[0] + 1)

    def empty(self, batch: int) -> Recent | Anchored:
        """See `Backbone`."""
        return (Anchored if self.anchor else Recent).none(batch, self.context, self.zero.expand(self.shape))

    def remember(self, memory: Record, z: Float[Tensor, "B T c h w"], condition: Float[Tensor, "B T E"], joined: Bool[Tensor, "B T"]) -> Recent | Anchored:
        """See `Backbone`; the condition is not needed."""
        assert isinstance(memory, Recent | Anchored)
        return memory.after(z, joined)

    def forward(self, memory: Record, noisy: Float[Tensor, "B K c h w"], condition: Float[Tensor, "B K E"], words: Words | None) -> Float[Tensor, "B K o h w"]:
        """See `Backbone`."""
        answer: Tensor = self.net(*self._asked(memory, noisy, condition, words))
        return answer

    def features(self, memory: Record, noisy: Float[Tensor, "B K c h w"], condition: Float[Tensor, "B K E"], words: Words | None) -> list[Tensor]:
        """See `Backbone`: each level on the way up."""
        return self.net.features(*self._asked(memory, noisy, condition, words))

    def _asked(self, memory: Record, noisy: Tensor, condition: Tensor, words: Words | None) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
        """Arguments of the U-Net: the clean frames stand beside each noisy one."""
        assert isinstance(memory, Recent | Anchored)
        known = memory.known[:, :, None, None, None].to(noisy.dtype).expand(-1, -1, 1, *self.shape[1:])
        beside = torch.cat([memory.shown, known], 2).flatten(1, 2)[:, None].expand(-1, noisy.shape[1], -1, -1, -1)
        return torch.cat([noisy, beside], 2), condition, *(words if words is not None else (None, None))


class StackedBackbone(UNetBackbone):
    """The K frames of a chunk as channels of one picture, as conditional video diffusion in 2D does it (MCVD, arXiv 2205.09853, section 2.5).

    One pass for all of them instead of one each, so a clip costs what a frame costs; what is told of each frame is told of all. Never
    fewer than K frames.
    """

    def __init__(self, shape: tuple[int, int, int], unet: UNet, *, context: int, anchor: bool, chunk: int, condition: int):
        super().__init__(shape, unet, context=context, anchor=anchor)
        self.chunk = chunk
        self.told = nn.Linear(chunk * condition, condition)

    def forward(self, memory: Record, noisy: Float[Tensor, "B K c h w"], condition: Float[Tensor, "B K E"], words: Words | None) -> Float[Tensor, "B K o h w"]:
        """See `Backbone`."""
        answer: Tensor = super().forward(memory, *self._stacked(noisy, condition), words)
        frames: Tensor = answer.unflatten(2, (self.chunk, -1))[:, 0]
        return frames

    def features(self, memory: Record, noisy: Float[Tensor, "B K c h w"], condition: Float[Tensor, "B K E"], words: Words | None) -> list[Tensor]:
        """See `Backbone`: each level on the way up, "B 1 c_l h_l w_l", of all frames together."""
        return super().features(memory, *self._stacked(noisy, condition), words)

    def _stacked(self, noisy: Tensor, condition: Tensor) -> tuple[Float[Tensor, "B 1 _ h w"], Float[Tensor, "B 1 E"]]:
        told: Tensor = self.told(condition.expand(len(noisy), self.chunk, -1).flatten(1))[:, None]
        return noisy.flatten(1, 2)[:, None], told


class TransformerBackbone(Backbone):
    """Frames as patches of `patch` x `patch` cells; the K frames of a chunk see the last `context` clean ones, and of each other what `time` says.

    Clean frames see themselves and the clean ones before them, at most `context`; their keys and values are kept.
    """

    def __init__(self, shape: tuple[int, int, int], outputs: int, net: StreamTransformer, *, patch: int, context: int, time: Time = "full"):
        super().__init__()
        channels, height, width = shape
        self.net, self.context, self.grid, self.patch, self.time = net, context, grid_of(height, width, patch), patch, time
        (dim,) = net.widths
        self.enter = nn.Conv2d(channels, dim, patch, stride=patch)
        self.leave = nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, outputs * patch**2))
        for parameter in self.leave[-1].parameters():
            nn.init.zeros_(parameter)

    @property
    def tokens(self) -> int:
        """P, of a frame."""
        return self.grid[0] * self.grid[1]

    def empty(self, batch: int) -> StreamCache:
        """See `Backbone`."""
        return self.net.empty(batch, self.context * self.tokens)

    def remember(self, memory: Record, z: Float[Tensor, "B T c h w"], condition: Float[Tensor, "B T E"], joined: Bool[Tensor, "B T"]) -> StreamCache:
        """See `Backbone`: frame by frame."""
        assert isinstance(memory, StreamCache)
        for frame, told, follows in zip(z.unbind(1), condition.unbind(1), joined.unbind(1), strict=True):
            memory = replace(memory, count=torch.where(follows, memory.count, 0))
            memory = memory.push(self._trace(memory, frame[:, None], told[:, None], None).cache())
        return memory

    def forward(self, memory: Record, noisy: Float[Tensor, "B K c h w"], condition: Float[Tensor, "B K E"], words: Words | None) -> Float[Tensor, "B K o h w"]:
        """See `Backbone`."""
        assert isinstance(memory, StreamCache)
        (tokens,) = self._trace(memory, noisy, condition, words).tokens
        cells = self.leave(tokens).unflatten(1, (-1, self.tokens)).flatten(0, 1)
        frames: Tensor = from_patches(cells, self.grid, self.patch).unflatten(0, noisy.shape[:2])
        return frames

    def features(self, memory: Record, noisy: Float[Tensor, "B K c h w"], condition: Float[Tensor, "B K E"], words: Words | None) -> list[Tensor]:
        """See `Backbone`: a layer in the middle and the last one."""
        assert isinstance(memory, StreamCache)
        hidden = self._trace(memory, noisy, condition, words).hidden
        tokens = [part for (part,) in (hidden[len(hidden) // 2], hidden[-1]) if part is not None]
        return [pictures_of(part.unflatten(1, (-1, self.tokens)).flatten(0, 1), self.grid).unflatten(0, noisy.shape[:2]) for part in tokens]

    def _trace(self, memory: StreamCache, z: Float[Tensor, "B K c h w"], condition: Float[Tensor, "B K E"], words: Words | None) -> Trace:
        """Frames after what is remembered, which lies at the times 1 - W .. 0."""
        tokens = tokens_of(self.enter(z.flatten(0, 1))).unflatten(0, z.shape[:2]).flatten(1, 2)
        text, real = words if words is not None else self._no_words(len(z))
        before, now = (places(times, self.grid).to(z.device) for times in (range(1 - self.context, 1), range(1, z.shape[1] + 1)))
        allowed = self._allowed(z.shape[1], z.device)
        return self.net.trace((tokens,), (condition,), (now,), allowed, context=text, context_valid=real, cache=memory, cached_places=before)

    def _allowed(self, frames: int, device: torch.device) -> Bool[Tensor, "L K"] | None:
        """What each token sees of the clean frames and of the chunk's own; None = all."""
        if frames == 1 or self.time == "full":
            return None
        chunk = [Group("chunk", self.tokens, block=1 + frame) for frame in range(frames)]
        rules = (Rule(EVERY, "clean"), Rule("chunk", "chunk", blocks="up to" if self.time == "causal" else "same"))
        return mask((Group("clean", self.context * self.tokens), *chunk), rules)[-frames * self.tokens :].to(device)

    def _no_words(self, batch: int) -> tuple[Tensor | None, Tensor | None]:
        """What a network that can read is given where there is nothing to read."""
        if not self.net.context:
            return None, None
        return self.enter.weight.new_zeros(batch, 1, self.net.context), torch.zeros(batch, 1, dtype=torch.bool, device=self.enter.weight.device)
