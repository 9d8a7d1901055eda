"""A transformer over frames of P tokens: within a frame all see all, between frames each looks back over a band.

The same blocks, conditions, segments and band as `transformer.py` (which is the case P = 1), for models whose state of an
instant is many tokens: patches, slots, points. A token of frame t sees every token of frames t - band + 1 .. t of its own
segment. A cache of band - 1 frames continues exactly what the network computes over the whole history.
Does not know: what a token is, or where in the frame; add places before.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from wam.nets.blocks.band import distance_bias, remembered, segments
from wam.nets.blocks.transformer import Block
from wam.world.record import Record, record


@record
class FrameCache(Record):
    """Keys and values of the last W = band - 1 frames of each layer; the newest `count` of them are real."""

    key: Float[Tensor, "B L W P E"]
    value: Float[Tensor, "B L W P E"]
    count: Int[Tensor, "B"]


class FrameTransformer(nn.Module):
    """`depth` blocks over a band of `band` frames with `tokens` tokens each."""

    def __init__(self, dim: int, depth: int, heads: int, band: int, tokens: int):
        super().__init__()
        self.dim, self.depth, self.heads, self.band, self.tokens = dim, depth, heads, band, tokens
        self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(depth)])
        self.distance = nn.Parameter(torch.zeros(heads, band))  # attention bias by how many frames back a token lies
        self.norm = nn.LayerNorm(dim)

    def empty(self, batch: int) -> FrameCache:
        """A cache that holds nothing."""
        blank = self.distance.new_zeros(batch, self.depth, self.band - 1, self.tokens, self.dim)
        return FrameCache(key=blank, value=blank, count=torch.zeros(batch, dtype=torch.int64, device=blank.device))

    def forward(
        self, x: Float[Tensor, "B T P E"], condition: Float[Tensor, "B T E"], joined: Bool[Tensor, "B T"], cache: FrameCache | None = None
    ) -> tuple[Float[Tensor, "B T P E"], FrameCache | None]:
        """Outputs per token, and the cache after the last frame (None in, None out).

        joined: False where a frame is not joined to what came before. Such a frame is void itself: later ones do not see it.
        """
        steps = x.shape[1]
        segment, seen = segments(joined, None if cache is None else cache.count, self.band)
        bias = distance_bias(self.distance, segment, seen).repeat_interleave(self.tokens, 2).repeat_interleave(self.tokens, 3)  # every token as its frame
        keys, values = [], []
        for layer, block in enumerate(self.layers()):
            modulation = block.modulate(condition)[:, :, None]
            query, key, value = block.ask(x, modulation)
            if cache is not None:
                key = torch.cat([cache.key[:, layer].to(key.dtype), key], 1)
                value = torch.cat([cache.value[:, layer].to(value.dtype), value], 1)
                keys.append(key[:, steps:])
                values.append(value[:, steps:])
            q, k, v = (self.headed(part.flatten(1, 2)) for part in (query, key, value))
            weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + bias).softmax(-1)
            mixed = (weights.to(v.dtype) @ v).transpose(1, 2).flatten(2).view(x.shape)
            x = block.answer(x, modulation, mixed)
        if cache is not None:
            cache = self.cache_of(torch.stack(keys, 1), torch.stack(values, 1), remembered(segment, seen, self.band))
        return self.norm(x), cache

    def roll(self, cache: FrameCache, condition: Float[Tensor, "N H E"], joined: Bool[Tensor, "N H"]) -> "FrameRolling":
        """One frame per step for H steps. Each row of the cache serves N / B rows in a row."""
        return FrameRolling(self, cache, condition, joined)

    def layers(self) -> list[Block]:
        """The blocks by their type."""
        return [block for block in self.blocks if isinstance(block, Block)]

    def headed(self, part: Float[Tensor, "B K E"]) -> Float[Tensor, "B heads K e"]:
        """Split into heads."""
        heads: Tensor = part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return heads

    def cache_of(self, key: Float[Tensor, "B L W P E"], value: Float[Tensor, "B L W P E"], count: Int[Tensor, "B"]) -> FrameCache:
        """From the newest W frames, of which `count` are real."""
        return FrameCache(key=key.to(self.distance.dtype), value=value.to(self.distance.dtype), count=count)


class FrameRolling:
    """A transformer that is given its next frame when the one before is known. Nothing is copied from step to step."""

    def __init__(self, net: FrameTransformer, cache: FrameCache, condition: Float[Tensor, "N H E"], joined: Bool[Tensor, "N H"]):
        self.net, self.past, self.condition, self.rows = net, cache, condition, len(cache.count)
        self.share = len(joined) // self.rows  # rows served by one row of the cache
        self.segment, self.seen = segments(joined, cache.count.repeat_interleave(self.share), net.band)
        self.bias = distance_bias(net.distance, self.segment, self.seen)
        self.blocks = net.layers()
        self.own: list[list[tuple[Tensor, Tensor]]] = [[] for _ in self.blocks]  # keys and values "N heads P e" of each new frame
        self.step = 0

    def __call__(self, x: Float[Tensor, "N P E"]) -> Float[Tensor, "N P E"]:
        """The output for the next frame."""
        condition = self.condition[:, self.step, None]
        for layer, block in enumerate(self.blocks):
            modulation = block.modulate(condition)
            query, key, value = (self.net.headed(part) for part in block.ask(x, modulation))
            self.own[layer].append((key, value))
            x = block.answer(x, modulation, self._attend(layer, query))
        self.step += 1
        out: Tensor = self.net.norm(x)
        return out

    def _attend(self, layer: int, query: Float[Tensor, "N heads P e"]) -> Float[Tensor, "N P E"]:
        """What the newest frame takes from the band: the rows of one cache row look at it together."""
        net, width, tokens = self.net, self.net.band - 1, self.net.tokens
        own = self.own[layer][-net.band :]
        query = query / query.shape[-1] ** 0.5
        key, value = (torch.cat([frame[which] for frame in own], 2) for which in (0, 1))
        scores = [query @ key.transpose(-1, -2)]
        shared = self.step < width  # does the band still reach the cache
        if shared:
            old_key, old_value = (net.headed(part[:, layer, self.step : width].flatten(1, 2)).to(query.dtype) for part in (self.past.key, self.past.value))
            scores.insert(0, self._together(query) @ old_key.transpose(-1, -2))
            scores[0] = self._apart(scores[0])
        first = self.step if shared else width + self.step + 1 - len(own)
        bias = self.bias[:, :, self.step, first : width + self.step + 1].repeat_interleave(tokens, 2)[:, :, None]
        weights = (torch.cat(scores, -1) + bias).softmax(-1).to(query.dtype)
        mixed = weights[..., -key.shape[2] :] @ value
        if shared:
            mixed = mixed + self._apart(self._together(weights[..., : -key.shape[2]]) @ old_value)
        taken: Tensor = mixed.transpose(1, 2).flatten(2)
        return taken

    def _together(self, part: Float[Tensor, "N heads P K"]) -> Float[Tensor, "B heads GP K"]:
        """The G rows of each cache row as one matrix."""
        grouped: Tensor = part.unflatten(0, (self.rows, self.share)).transpose(1, 2).flatten(2, 3)
        return grouped

    def _apart(self, part: Float[Tensor, "B heads GP K"]) -> Float[Tensor, "N heads P K"]:
        """The inverse."""
        rows: Tensor = part.unflatten(2, (self.share, self.net.tokens)).transpose(1, 2).flatten(0, 1)
        return rows

    def cache(self) -> FrameCache:
        """After the last frame, a row of its own for each of the N."""
        width, parts = self.net.band - 1, []
        for which, before in enumerate((self.past.key, self.past.value)):
            layers = []
            for layer, own in enumerate(self.own):
                new = [frame[which].transpose(1, 2).flatten(2)[:, None].to(before.dtype) for frame in own[max(0, len(own) - width) :]]
                layers.append(torch.cat([before[:, layer, len(new) :].repeat_interleave(self.share, 0), *new], 1))
            parts.append(torch.stack(layers, 1))
        return self.net.cache_of(parts[0], parts[1], remembered(self.segment, self.seen, self.net.band))
