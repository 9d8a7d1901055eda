"""One stream's weights in one layer of a mixture of transformers: norms, queries-keys-values, context, MLP, and their modulation.

The attention between streams is not here (`streams.py`): a layer is asked for queries, keys and values in the common head space,
and is given back what its tokens took.

Tokens lie as "B G P E": G groups of P tokens that share a condition, so that shift, scale and gate ("B G 1 E") are computed once
per group. Gates start at zero: an untrained layer is the identity (Peebles & Xie, 2212.09748). Queries and keys are RMS-normalised
per head (as in Wan and Cosmos-Predict), which bounds the scores however long one trains.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor, nn
from torch.nn import functional as F


def scored(allowed: Bool[Tensor, "*rows L K"], dtype: torch.dtype) -> Shaped[Tensor, "*rows L K"]:
    """The mask as `attend` takes it, made once per pass: as it is for the fused kernel of a GPU, else 0 and minus infinity."""
    if allowed.is_cuda:
        return allowed
    return torch.zeros_like(allowed, dtype=dtype).masked_fill(~allowed, float("-inf"))


def attend(
    query: Float[Tensor, "B L heads e"], key: Float[Tensor, "B K heads e"], value: Float[Tensor, "B K heads e"], mask: Shaped[Tensor, "..."] | None
) -> Float[Tensor, "B L heads e"]:
    """Attention under a mask of `scored`, broadcast to "B heads L K"; None: all see all. Each query must see something.

    Fused on a GPU. Written out on a CPU, where that trains no slower for sequences this short.
    """
    q, k, v = (part.transpose(1, 2) for part in (query, key, value))
    if q.is_cuda:
        fused: Tensor = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return fused.transpose(1, 2)
    scores: Tensor = (q / q.shape[-1] ** 0.5) @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores + mask
    return (scores.softmax(-1).to(v.dtype) @ v).transpose(1, 2)


@dataclass(frozen=True)
class Context:
    """Tokens to look at that are no stream: they have no places and do not change from layer to layer."""

    tokens: Float[Tensor, "B W D"]
    some: Bool[Tensor, "B 1 1"]  # rows with at least one valid token
    mask: Shaped[Tensor, "B 1 1 W"]  # as `attend` takes it

    @staticmethod
    def of(tokens: Float[Tensor, "B W D"], valid: Bool[Tensor, "B W"] | None) -> "Context":
        """None: all tokens are valid. Values that are not valid must still be finite."""
        valid = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device) if valid is None else valid
        some = valid.any(1)[:, None, None]
        looked = valid[:, None] | ~some  # attention over nothing is undefined: look at all, and take nothing of it
        return Context(tokens=tokens, some=some, mask=scored(looked[:, None], tokens.dtype))


def normed(x: Float[Tensor, "B L *heads e"], scale: Float[Tensor, "*#heads e"]) -> Float[Tensor, "B L *heads e"]:
    """RMS-normalised in each head, times a learned scale.

    By its length, which is one kernel; the scale is given all heads first, so that going back whole rows are summed.
    """
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.promote_types(x.dtype, torch.float32))
    found: Tensor = x * (x.shape[-1] ** 0.5 / (length + 1e-5)).to(x.dtype) * scale.to(x.dtype).expand(x.shape[2:])
    return found


def moved(x: Float[Tensor, "B G P E"], shift: Float[Tensor, "B G 1 E"], scale: Float[Tensor, "B G 1 E"]) -> Float[Tensor, "B G P E"]:
    """Shifted and scaled as a condition says."""
    return torch.addcmul(shift, x, 1 + scale)


class ContextAttention(nn.Module):
    """Cross-attention. A row without a valid context token takes exactly nothing."""

    def __init__(self, width: int, heads: int, head_width: int, context: int):
        super().__init__()
        self.heads, inner = heads, heads * head_width
        self.query, self.key_value = nn.Linear(width, inner), nn.Linear(context, 2 * inner)
        self.query_scale, self.key_scale = nn.Parameter(torch.ones(1, head_width)), nn.Parameter(torch.ones(1, head_width))
        self.out = nn.Linear(inner, width)

    def forward(self, x: Float[Tensor, "B G P E"], context: Context) -> Float[Tensor, "B G P E"]:
        query = self.query(x.flatten(1, 2)).unflatten(-1, (self.heads, -1))
        key, value = self.key_value(context.tokens).unflatten(-1, (2, self.heads, -1)).unbind(2)
        taken = attend(normed(query, self.query_scale), normed(key, self.key_scale), value, context.mask)
        out: Tensor = torch.where(context.some, self.out(taken.flatten(2)), 0.0).view(x.shape)
        return out


class StreamLayer(nn.Module):
    """A stream of tokens of width E; conditions of width `condition`, context tokens of width `context` (0: none)."""

    def __init__(self, width: int, heads: int, head_width: int, condition: int, context: int):
        super().__init__()
        self.heads, inner = heads, heads * head_width
        self.modulation = nn.Linear(condition, (9 if context else 6) * width)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.query_key_value = nn.Linear(width, 3 * inner)
        self.scale = nn.Parameter(torch.ones(2, 1, head_width))  # of queries, of keys
        self.out = nn.Linear(inner, width)
        self.look = ContextAttention(width, heads, head_width, context) if context else None
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def modulate(self, condition: Float[Tensor, "B G C"], owner: Int[Tensor, "L"] | None) -> tuple[Tensor, ...]:
        """Shift, scale and gate, "B G 1 E" each, of attention, MLP and (with context) context; owner: one set per token, "B L 1 E"."""
        found: Tensor = self.modulation(condition)
        found = found if owner is None else found.index_select(1, owner)
        return found[:, :, None].chunk(9 if self.look else 6, -1)

    def ask(self, x: Float[Tensor, "B G P E"], modulation: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
        """Queries and keys "B L 2 heads e", not yet turned to their places, and values "B L heads e"."""
        shift, scale, *_ = modulation
        asked = self.query_key_value(moved(self.norm(x), shift, scale).flatten(1, 2)).unflatten(-1, (3, self.heads, -1))
        pair, value = asked.split((2, 1), 2)
        return normed(pair, self.scale), value.squeeze(2)

    def answer(
        self, x: Float[Tensor, "B G P E"], modulation: tuple[Tensor, ...], taken: Float[Tensor, "B L heads e"], context: Context | None
    ) -> Float[Tensor, "B G P E"]:
        """The tokens after they took this from each other, looked at the context, and passed the MLP."""
        x = torch.addcmul(x, modulation[2], self.out(taken.flatten(2)).view(x.shape))
        if self.look is not None and context is not None:
            shift, scale, gate = modulation[6:]
            x = torch.addcmul(x, gate, self.look(moved(self.norm(x), shift, scale), context))
        shift, scale, gate = modulation[3:6]
        return torch.addcmul(x, gate, self.mlp(moved(self.norm(x), shift, scale)))
