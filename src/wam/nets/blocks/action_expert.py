"""A transformer over the actions of a chunk: the head of flow and diffusion policies that look at features.

Each block: the actions look at context tokens (features of a video model, text), then at each other, then an MLP, scaled,
shifted and gated by the condition (AdaLN-zero, Peebles & Xie, 2212.09748). So are the action decoder of mimic-video (2512.15692)
and, with text among the tokens, the head of VPP (2412.14803). Gates and exit start at zero: an untrained head gives zero.
Does not know: units of actions, noise levels (they come in the condition), what the tokens are. Footgun: context tokens are a
set; where a token lies must be in the token.
"""

from typing import Protocol

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from wam.nets.blocks.resampler import Attention, require_context, sine_places
from wam.nets.blocks.transformer import Block


class ActionHead(Protocol):
    """What every action head is: `ActionExpert` or `ActionUNet`."""

    def __call__(
        self,
        x: Float[Tensor, "B H A"],
        condition: Float[Tensor, "B E"],
        context: Float[Tensor, "B K D"] | None = None,
    ) -> Float[Tensor, "B H A"]:
        """x: H actions, noisy ones for a denoiser."""
        ...


class ActionExpert(nn.Module):
    """`depth` blocks of width `dim` over any number of actions."""

    def __init__(
        self,
        actions: int,  # A
        condition: int,  # E
        *,
        context: int = 0,  # D, width of context tokens; 0 = none
        dim: int = 128,  # even
        depth: int = 4,
        heads: int = 4,
    ):
        super().__init__()
        self.context = context
        self.enter = nn.Linear(actions, dim)
        self.condition = nn.Sequential(nn.Linear(condition, dim), nn.SiLU())
        self.look = nn.ModuleList([Attention(dim, heads, context) for _ in range(depth if context else 0)])
        self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.leave = nn.Linear(dim, actions)
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(
        self,
        x: Float[Tensor, "B H A"],
        condition: Float[Tensor, "B E"],
        context: Float[Tensor, "B K D"] | None = None,
    ) -> Float[Tensor, "B H A"]:
        """See `ActionHead`. ValueError for context tokens that the head was not built for."""
        require_context(context, self.context)
        hidden = self.enter(x)
        hidden = hidden + sine_places(hidden)
        told = self.condition(condition)[:, None]
        everywhere = hidden.new_zeros(())  # every action may look at every other
        for index, block in enumerate(self.blocks):
            if context is not None:
                hidden = self.look[index](hidden, context)
            hidden, _, _ = block(hidden, told, everywhere, None)
        out: Tensor = self.leave(F.silu(self.norm(hidden)))
        return out
