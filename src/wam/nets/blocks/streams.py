"""A mixture of transformers: streams of tokens with weights of their own, joined by one masked attention.

Each stream (video, action, state, registers ...) has its own width, norms, projections, MLP and modulation in every layer; queries,
keys and values of all streams meet in one common head space (Liang et al., 2411.04996; Motus 2512.13030, Fast-WAM 2603.16666).
One stream is the plain spatio-temporal transformer of a video model; modalities that share weights (UWM) are one stream.
Who sees whom is a declared mask (`masks.py`), where tokens lie is told by rotary places (`rotary.py`), at which noise level each
group of tokens is, and what acts on it, by its condition (AdaLN-zero).

Shapes. Streams m = 0, 1, ...: tokens "B L_m E_m", conditions "B G_m C", places "L_m A" or "B L_m A"; L = sum of the L_m.
Conditions lie over their stream's tokens in equal runs (G_m divides L_m: one per frame, per clip, per token) unless `owners` says
which condition each token has ("L_m" indices). A stream that has no tokens in this pass is None in all three tuples.

Does not know: where tokens come from, heads, noise. Outputs are neither normalised nor projected: a head begins with a norm.
Footguns. A cache without `cached_places` is taken as turned to its places (`StreamCache.at`); nothing checks that it was.
With a cache, `allowed` is "L K+L": what is cached comes first. What a fresh row has not cached is taken out of its mask: a
token that sees nothing but cached ones is undefined there, so let new tokens see each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from wam.nets.blocks.rotary import rotate, turns
from wam.nets.blocks.stream_cache import StreamCache
from wam.nets.blocks.stream_inputs import Owners, Places, Streams, check_keys, check_streams
from wam.nets.blocks.stream_layer import Context, StreamLayer, attend, scored


@dataclass(frozen=True)
class Trace:
    """A pass with all that was computed on the way."""

    tokens: Streams  # after the last layer that was run
    hidden: tuple[Streams, ...]  # after each layer: the feature taps of video-feature-conditioned policies
    keys: tuple[Float[Tensor, "B L heads e"], ...]  # of each layer, new tokens only, not turned to their places
    values: tuple[Float[Tensor, "B L heads e"], ...]

    def cache(self) -> StreamCache:
        """The new tokens of all streams, one after the other, to be remembered."""
        key, value = torch.stack(self.keys, 2), torch.stack(self.values, 2)
        return StreamCache(key=key, value=value, count=torch.full((len(key),), key.shape[1], device=key.device))


class StreamTransformer(nn.Module):
    """`depth` layers over streams of the given widths, with `heads` common heads of `head_width`."""

    def __init__(self, widths: tuple[int, ...], depth: int, heads: int, head_width: int, *, condition: int, context: int = 0):
        super().__init__()
        self.widths, self.depth, self.heads, self.head_width, self.context = widths, depth, heads, head_width, context
        streams = [[StreamLayer(width, heads, head_width, condition, context) for width in widths] for _ in range(depth)]
        self.layers = nn.ModuleList(nn.ModuleList(layer) for layer in streams)

    def empty(self, batch: int, tokens: int) -> StreamCache:
        """A cache with room for this many tokens that holds nothing yet."""
        like = next(self.parameters())
        blank = like.new_zeros(batch, tokens, self.depth, self.heads, self.head_width)
        return StreamCache(key=blank, value=blank, count=torch.zeros(batch, dtype=torch.int64, device=like.device))

    def trace(
        self,
        tokens: Streams,
        conditions: Streams,
        places: Places,
        allowed: Bool[Tensor, "*own L K"] | None,
        *,
        owners: Owners | None = None,
        context: Float[Tensor, "B W D"] | None = None,
        context_valid: Bool[Tensor, "B W"] | None = None,
        cache: StreamCache | None = None,
        cached_places: Shaped[Tensor, "*past _ A"] | None = None,
    ) -> Trace:
        """One pass, with hidden states, keys and values.

        allowed: which keys (columns) a token (row) sees, of what is cached and all new tokens, in all rows of the batch ("L K+L") or
            in each ("B L K+L": windows with padding); None: all see all.
        context: tokens for cross-attention, with a mask of the valid ones (None: all are). Rows may have none: then nothing is taken.
        cache, cached_places: what is remembered, and where it lies relative to the new tokens; without places it was turned to them before
            (`StreamCache.at`).

        ValueError where shapes do not fit together.
        """
        here = [stream for stream, part in enumerate(tokens) if part is not None]
        owner = (None,) * len(self.widths) if owners is None else owners
        known = 0 if cache is None else cache.key.shape[1]
        check_streams(self.widths, tokens, conditions, places, owner)
        check_keys(sum(part.shape[1] for part in tokens if part is not None), known, allowed, cached_places)
        if (context is None) != (self.context == 0):
            raise ValueError(f"context is {'absent' if context is None else 'given'}, but the network was built with context={self.context}.")
        parts, given = _present(tokens), [F.silu(part) for part in _present(conditions)]
        lengths = [part.shape[1] for part in parts]
        runs = [given[i].shape[1] if owner[stream] is None else lengths[i] for i, stream in enumerate(here)]
        xs = [part.unflatten(1, (run, -1)) for part, run in zip(parts, runs, strict=True)]

        turn = turns(torch.cat(_present(places), -2), self.head_width, parts[0].dtype)
        past = cache.at(cached_places) if cache is not None and cached_places is not None else cache
        before = None if past is None else list(zip(past.key.unbind(2), past.value.unbind(2), strict=True))  # backward, slices would each fill the whole
        seen = self._seen(allowed, sum(lengths), cache)
        mask = None if seen is None else scored(seen, parts[0].dtype)
        text = None if context is None else Context.of(context, context_valid)

        hidden, keys, values = [], [], []
        for depth, streams in enumerate(self._layers()):
            block = [streams[stream] for stream in here]
            modulations = [layer.modulate(part, owner[stream]) for layer, part, stream in zip(block, given, here, strict=True)]
            asked = [layer.ask(x, modulation) for layer, x, modulation in zip(block, xs, modulations, strict=True)]
            pair, value = (_joined(part) for part in zip(*asked, strict=True))
            keys.append(pair[:, :, 1])
            values.append(value)
            query, key = rotate(pair, turn).unbind(2)
            if before is not None:
                key, value = (_joined([old.to(new.dtype), new]) for old, new in zip(before[depth], (key, value), strict=True))
            taken = attend(query, key, value, mask).split(lengths, 1)
            xs = [layer.answer(x, modulation, part, text) for layer, x, modulation, part in zip(block, xs, modulations, taken, strict=True)]
            hidden.append(self._streams(here, xs))
        return Trace(tokens=self._streams(here, xs), hidden=tuple(hidden), keys=tuple(keys), values=tuple(values))

    def _layers(self) -> list[list[StreamLayer]]:
        """Layers by their type, "depth streams"."""
        return [[layer for layer in streams if isinstance(layer, StreamLayer)] for streams in self.layers if isinstance(streams, nn.ModuleList)]

    def _streams(self, here: list[int], xs: list[Tensor]) -> Streams:
        """Tokens in runs back into a tuple of all streams."""
        found: list[Tensor | None] = [None] * len(self.widths)
        for stream, x in zip(here, xs, strict=True):
            found[stream] = x.flatten(1, 2)
        return tuple(found)

    def _seen(self, allowed: Bool[Tensor, "*own L K"] | None, length: int, cache: StreamCache | None) -> Bool[Tensor, "*rows L K"] | None:
        """The mask as it broadcasts against scores "B heads L K", without what is not real in a row's cache."""
        if allowed is not None and allowed.ndim == 3:
            allowed = allowed[:, None]
        if cache is None:
            return allowed
        real = F.pad(cache.real(), (0, length), value=True)[:, None, None].expand(-1, 1, length, -1)
        return real if allowed is None else real & allowed


def _present(parts: tuple[Tensor | None, ...]) -> list[Tensor]:
    """Those that are not None."""
    return [part for part in parts if part is not None]


def _joined(parts: Sequence[Tensor]) -> Tensor:
    """One after the other along the tokens; a single one is not copied."""
    return parts[0] if len(parts) == 1 else torch.cat(list(parts), 1)
