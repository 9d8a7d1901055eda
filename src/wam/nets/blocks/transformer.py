"""A causal transformer whose tokens look back over a band, conditioned per token (AdaLN-zero), with a key-value cache.

Band. In every layer token i sees tokens i - band + 1 .. i of its own segment, so that a cache of band - 1 tokens per layer
continues exactly what the uncached network computes over the whole history. Segments: a token marked as not joined to what
came before starts anew; nothing before it is visible to it or to later tokens.

Conditioning scales, shifts and gates each block (Peebles & Xie, 2023); gates start at zero, so that an untrained block is the identity.
Attention is written as matmul and softmax: for sequences this short that trains twice as fast on a CPU as the fused kernel.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

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

    def forward(self, x: Tensor, condition: Tensor, bias: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor, Tensor]:
        """x, condition "B T E"; bias "B heads T W+T". Returns x and all keys and values "B W+T E"."""
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = self.modulate(condition).chunk(6, -1)
        query, key, value = self.qkv(self.norms[0](x) * (1 + scale) + shift).chunk(3, -1)
        if past is not None:
            key, value = torch.cat([past[0].to(key.dtype), key], 1), torch.cat([past[1].to(value.dtype), value], 1)
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (query, key, value))
        weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5 + bias).softmax(-1)
        x = x + gate * self.out((weights.to(v.dtype) @ v).transpose(1, 2).flatten(2))
        return x + gate_mlp * self.mlp(self.norms[1](x) * (1 + scale_mlp) + shift_mlp), key, value


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
        segment = (~joined).long().cumsum(1)
        seen = torch.where(joined, segment, -1)  # void tokens are in no segment
        if cache is not None:
            place = torch.arange(self.band - 1, 0, -1, device=x.device)  # how many tokens before the first new one
            seen = torch.cat([torch.where(place <= cache.count[:, None], 0, -1), seen], 1)
        bias = self._bias(segment, seen)
        keys, values = [], []
        for layer, block in enumerate(self.blocks):
            past = None if cache is None else (cache.key[:, layer], cache.value[:, layer])
            x, key, value = block(x, condition, bias, past)
            if cache is not None:
                keys.append(key[:, steps:])  # the newest W of W + T
                values.append(value[:, steps:])
        if cache is not None:
            last = (seen == segment[:, -1:]).sum(1).clamp(max=self.band - 1)
            cache = Cache(key=torch.stack(keys, 1).to(cache.key.dtype), value=torch.stack(values, 1).to(cache.value.dtype), count=last)
        return self.norm(x), cache

    def _bias(self, segment: Int[Tensor, "B T"], seen: Int[Tensor, "B K"]) -> Float[Tensor, "B heads T K"]:
        """Distance bias, minus infinity where a query may not look. A token always sees itself."""
        steps, width = segment.shape[1], seen.shape[1]
        back = torch.arange(width - steps, width, device=seen.device)[:, None] - torch.arange(width, device=seen.device)
        band = (back >= 0) & (back < self.band)
        allowed = (band & (segment[:, :, None] == seen[:, None, :])) | (back == 0)
        bias = self.distance[:, back.clamp(0, self.band - 1)]
        return bias.masked_fill(~allowed[:, None], float("-inf"))
