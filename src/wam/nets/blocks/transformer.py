"""A causal transformer whose tokens look back over a band, conditioned per token (AdaLN-zero), with a key-value cache.

Band. In every layer token i sees tokens i - band + 1 .. i of its own segment, so that a cache of band - 1 tokens per layer
continues exactly what the uncached network computes over the whole history. Segments: a token marked as not joined to what
came before starts anew; nothing before it is visible to it or to later tokens.

Three ways through the same weights: `forward` takes tokens together (training, observing); `roll` takes one token per step
after a cache, which many rows may share (imagining: the candidates of a planner read one copy of what was seen).

Conditioning scales, shifts and gates each block (Peebles & Xie, 2023); gates start at zero, so that an untrained block is the identity.
Attention is written as matmul and softmax: for sequences this short that trains twice as fast on a CPU as the fused kernel.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from wam.nets.blocks.band import distance_bias, remembered, segments
from wam.world.record import Record, record


@record
class Cache(Record):
    """Keys and values of the last W = band - 1 tokens of each layer; the newest `count` of them are real."""

    key: Float[Tensor, "B L W E"]
    value: Float[Tensor, "B L W E"]
    count: Int[Tensor, "B"]


class Block(nn.Module):
    """Attention and MLP, both modulated by the condition."""

    def __init__(self, dim: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(dim, elementwise_affine=False) for _ in range(2)])
        self.modulate = nn.Linear(dim, 6 * dim)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def ask(self, x: Tensor, modulation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values, "... E" each, of tokens "... E" under a modulation "... 6E"."""
        shift, scale, *_ = modulation.chunk(6, -1)
        query, key, value = self.qkv(self.norms[0](x) * (1 + scale) + shift).chunk(3, -1)
        return query, key, value

    def answer(self, x: Tensor, modulation: Tensor, mixed: Tensor) -> Tensor:
        """The tokens after attention gave `mixed` "... E", and after the MLP."""
        _, _, gate, shift, scale, gate_mlp = modulation.chunk(6, -1)
        x = x + gate * self.out(mixed)
        y: Tensor = x + gate_mlp * self.mlp(self.norms[1](x) * (1 + scale) + shift)
        return y

    def forward(self, x: Tensor, condition: Tensor, bias: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor, Tensor]:
        """x, condition "B T E"; bias "B heads T W+T". Returns x and all keys and values "B W+T E"."""
        modulation = self.modulate(condition)
        query, key, value = self.ask(x, modulation)
        if past is not None:
            key, value = torch.cat([past[0].to(key.dtype), key], 1), torch.cat([past[1].to(value.dtype), value], 1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (query, key, value))
        weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + bias).softmax(-1)
        return self.answer(x, modulation, (weights.to(v.dtype) @ v).transpose(1, 2).flatten(2)), key, value


class BandedTransformer(nn.Module):
    """`depth` blocks over a band of `band` tokens."""

    def __init__(self, dim: int, depth: int, heads: int, band: int):
        super().__init__()
        self.dim, self.depth, self.heads, self.band = dim, depth, heads, band
        self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(depth)])
        self.distance = nn.Parameter(torch.zeros(heads, band))  # attention bias by how far back a token lies
        self.norm = nn.LayerNorm(dim)

    def empty(self, batch: int) -> Cache:
        """A cache that holds nothing."""
        blank = self.distance.new_zeros(batch, self.depth, self.band - 1, self.dim)
        return Cache(key=blank, value=blank, count=torch.zeros(batch, dtype=torch.int64, device=blank.device))

    def forward(
        self, x: Float[Tensor, "B T E"], condition: Float[Tensor, "B T E"], joined: Bool[Tensor, "B T"], cache: Cache | None = None
    ) -> tuple[Float[Tensor, "B T E"], Cache | None]:
        """Outputs per token, and the cache after them (None in, None out).

        joined: False where a token is not joined to what came before. Such a token is void itself: later ones do not see it.
        """
        steps = x.shape[1]
        segment, seen = segments(joined, None if cache is None else cache.count, self.band)
        bias = distance_bias(self.distance, segment, seen)
        keys, values = [], []
        for layer, block in enumerate(self.blocks):
            past = None if cache is None else (cache.key[:, layer], cache.value[:, layer])
            x, key, value = block(x, condition, bias, past)
            if cache is not None:
                keys.append(key[:, steps:])  # the newest W of W + T
                values.append(value[:, steps:])
        if cache is not None:
            cache = self.cache_of(torch.stack(keys, 1), torch.stack(values, 1), remembered(segment, seen, self.band))
        return self.norm(x), cache

    def roll(self, cache: Cache, condition: Float[Tensor, "N H E"], joined: Bool[Tensor, "N H"]) -> "Rolling":
        """One token per step for H steps. Each row of the cache serves N / B rows in a row."""
        return Rolling(self, cache, condition, joined)

    def cache_of(self, key: Float[Tensor, "B L W E"], value: Float[Tensor, "B L W E"], count: Int[Tensor, "B"]) -> Cache:
        """From the newest W tokens, of which `count` are real."""
        return Cache(key=key.to(self.distance.dtype), value=value.to(self.distance.dtype), count=count)


class Rolling:
    """A transformer that is given its next token when the one before is known. Nothing is copied from step to step."""

    def __init__(self, net: BandedTransformer, cache: Cache, condition: Float[Tensor, "N H E"], joined: Bool[Tensor, "N H"]):
        self.net, self.condition, self.rows = net, condition, len(cache.count)
        self.share = len(joined) // self.rows  # rows served by one row of the cache
        self.past = cache
        self.segment, self.seen = segments(joined, cache.count.repeat_interleave(self.share), net.band)
        self.bias = distance_bias(net.distance, self.segment, self.seen)
        self.blocks = [block for block in net.blocks if isinstance(block, Block)]
        self.own: list[list[tuple[Tensor, Tensor]]] = [[] for _ in self.blocks]  # keys and values "N heads e" of each new token
        self.step = 0

    def __call__(self, x: Float[Tensor, "N E"]) -> Float[Tensor, "N E"]:
        """The output for the next token."""
        condition = self.condition[:, self.step]
        for layer, block in enumerate(self.blocks):
            modulation = block.modulate(condition)
            query, key, value = (part.unflatten(-1, (self.net.heads, -1)) for part in block.ask(x, modulation))
            self.own[layer].append((key, value))
            x = block.answer(x, modulation, self._attend(layer, query))
        self.step += 1
        out: Tensor = self.net.norm(x)
        return out

    def _attend(self, layer: int, query: Float[Tensor, "N heads e"]) -> Float[Tensor, "N E"]:
        """What the newest token of each row takes from the band."""
        width, newest = self.net.band - 1, self.step + 1
        own = self.own[layer][-self.net.band :]
        seen = slice(self.step, width)  # those of the cache that the band still reaches
        query = query / query.shape[-1] ** 0.5
        scores = [(query * key).sum(-1, keepdim=True) for key, _ in own]
        shared = newest <= width
        if shared:
            key, value = (self._shared(part[:, layer, seen]).to(query.dtype) for part in (self.past.key, self.past.value))
            grouped = query.unflatten(0, (self.rows, self.share)).transpose(1, 2)  # B heads G e
            scores.insert(0, (grouped @ key.transpose(-1, -2)).transpose(1, 2).flatten(0, 1))
        first = self.step if shared else width + newest - len(own)
        weights = (torch.cat(scores, -1) + self.bias[:, :, self.step, first : width + newest]).softmax(-1).to(query.dtype)
        mixed = torch.zeros_like(query)
        if shared:
            grouped = weights[..., : width - self.step].unflatten(0, (self.rows, self.share)).transpose(1, 2)
            mixed = (grouped @ value).transpose(1, 2).flatten(0, 1)
        for (_, value), weight in zip(own, weights[..., -len(own) :].unbind(-1), strict=True):
            mixed = torch.addcmul(mixed, weight[..., None], value)
        taken: Tensor = mixed.flatten(1)
        return taken

    def _shared(self, part: Float[Tensor, "B W E"]) -> Float[Tensor, "B heads W e"]:
        heads: Tensor = part.unflatten(-1, (self.net.heads, -1)).transpose(1, 2)
        return heads

    def cache(self) -> Cache:
        """After the last token, a row of its own for each of the N."""
        width, parts = self.net.band - 1, []
        for which, before in enumerate((self.past.key, self.past.value)):
            layers = []
            for layer, own in enumerate(self.own):
                new = [token[which].flatten(1)[:, None].to(before.dtype) for token in own[max(0, len(own) - width) :]]
                layers.append(torch.cat([before[:, layer, len(new) :].repeat_interleave(self.share, 0), *new], 1))
            parts.append(torch.stack(layers, 1))
        return self.net.cache_of(parts[0], parts[1], remembered(self.segment, self.seen, self.net.band))
