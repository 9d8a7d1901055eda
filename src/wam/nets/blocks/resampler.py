"""Tokens that look at tokens: attention with a residual, places, and a resampler that sums up many feature tokens in few.

`Resampler` is the Video Former of VPP (2412.14803): in each frame the same learned queries look at that frame's feature
tokens and at each other, then every query looks along time at itself, then an MLP; `depth` times. "B T P C" -> "B T Q D".
`Attention` is plain matmul and softmax, which is faster than the fused kernel on a CPU for so few tokens. Its last
projection starts at zero and has no bias: an untrained layer is the identity, and a row without valid tokens takes nothing.
Does not know: what the tokens are. Footgun: attention is blind to order; it sees only what is in the tokens and in the bias.
"""

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from wam.nets.blocks.mlp import mlp

REACH = 16  # frames apart that are told from each other; beyond they count as this far


class Attention(nn.Module):
    """x + what x, normalised, takes from tokens, normalised; from itself where there are none."""

    def __init__(self, dim: int, heads: int, tokens: int = 0):
        """tokens: width of what is looked at, 0 = each other. ValueError where heads do not divide the width."""
        super().__init__()
        if dim % heads:
            raise ValueError(f"{heads} heads do not divide a width of {dim}. Choose a number of heads that does, or a wider layer.")
        self.heads = heads
        self.norm = nn.LayerNorm(dim)
        self.norm_tokens = nn.LayerNorm(tokens) if tokens else None
        self.query = nn.Linear(dim, dim)
        self.pair = nn.Linear(tokens or dim, 2 * dim)  # key and value
        self.out = nn.Linear(dim, dim, bias=False)
        nn.init.zeros_(self.out.weight)

    def forward(
        self,
        x: Float[Tensor, "N Q E"],
        tokens: Float[Tensor, "N K D"] | None = None,
        valid: Bool[Tensor, "N K"] | None = None,
        bias: Float[Tensor, "heads Q K"] | None = None,
    ) -> Float[Tensor, "N Q E"]:
        """valid: tokens that are there. bias: added to the scores; minus infinity where a query may not look."""
        asked = self.norm(x)
        seen = asked if tokens is None or self.norm_tokens is None else self.norm_tokens(tokens)
        query, key, value = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query(asked), *self.pair(seen).chunk(2, -1)))
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        if bias is not None:
            scores = scores + bias
        if valid is not None:
            scores = scores.masked_fill(~valid[:, None, None], torch.finfo(scores.dtype).min)
        weights = scores.softmax(-1).to(value.dtype)
        if valid is not None:
            weights = weights * valid[:, None, None]  # where nothing is valid, softmax spreads over all
        taken: Tensor = self.out((weights @ value).transpose(1, 2).flatten(2))
        return x + taken


def require_context(context: Tensor | None, width: int) -> None:
    """ValueError where tokens come to a network that was built without cross-attention (width 0)."""
    if context is not None and not width:
        raise ValueError(f"{context.shape[1]} context tokens were given to a network without cross-attention. Build it with context={context.shape[2]}.")


class Distance(nn.Module):
    """Attention bias "heads T T" by how far a frame lies before or after another: learned, from zero."""

    def __init__(self, heads: int, direction: Literal["full", "causal"] = "full"):
        super().__init__()
        self.causal = direction == "causal"  # no frame looks at later ones
        self.table = nn.Parameter(torch.zeros(heads, 2 * REACH + 1))

    def forward(self, steps: int) -> Float[Tensor, "heads T T"]:
        """For T = `steps` frames, any number."""
        place = torch.arange(steps, device=self.table.device)
        back = place[:, None] - place
        bias = self.table[:, back.clamp(-REACH, REACH) + REACH]
        return bias.masked_fill(back < 0, float("-inf")) if self.causal else bias


def sine_places(like: Float[Tensor, "... K E"]) -> Float[Tensor, "K E"]:
    """Sines and cosines of places 0 .. K - 1, wave lengths 2 pi .. 2000 pi (after 1706.03762, section 3.5); E must be even."""
    count, width = like.shape[-2:]
    pace = torch.exp(torch.arange(width // 2, device=like.device) * (-math.log(1000) / max(1, width // 2 - 1)))
    angle = torch.arange(count, device=like.device)[:, None] * pace
    return torch.cat([angle.sin(), angle.cos()], -1).to(like.dtype)


class Resampler(nn.Module):
    """`queries` tokens of width `dim` per frame instead of `places` tokens of width `inputs`."""

    def __init__(self, inputs: int, places: int, dim: int, *, queries: int = 16, depth: int = 2, heads: int = 4):
        super().__init__()
        self.enter = nn.Sequential(nn.LayerNorm(inputs), nn.Linear(inputs, dim))  # features of several layers differ in scale
        self.places = nn.Parameter(0.3 * torch.randn(places, dim))  # features of convolutions hardly know where; much smaller ones go unused for long
        self.queries = nn.Parameter(torch.randn(queries, dim))
        self.space = nn.ModuleList([Attention(dim, heads, dim) for _ in range(depth)])
        self.time = nn.ModuleList([Attention(dim, heads) for _ in range(depth)])
        self.distance = nn.ModuleList([Distance(heads) for _ in range(depth)])
        self.mlp = nn.ModuleList([nn.Sequential(nn.LayerNorm(dim), mlp(dim, 4 * dim, dim)) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)

    def forward(self, features: Float[Tensor, "B T P C"]) -> Float[Tensor, "B T Q D"]:
        """Any T; P is `places`."""
        batch, steps = features.shape[:2]
        seen = (self.enter(features) + self.places).flatten(0, 1)
        x = self.queries.expand(batch * steps, -1, -1)
        for space, time, distance, think in zip(self.space, self.time, self.distance, self.mlp, strict=True):
            x = space(x, torch.cat([seen, x], 1))
            along = x.unflatten(0, (batch, steps)).transpose(1, 2).flatten(0, 1)  # "B*Q T D"
            along = time(along, bias=distance(steps))
            x = along.unflatten(0, (batch, -1)).transpose(1, 2).flatten(0, 1)
            x = x + think(x)
        summary: Tensor = self.norm(x).unflatten(0, (batch, steps))
        return summary
