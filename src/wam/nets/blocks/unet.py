"""A convolutional U-Net over frames, each with a condition of its own: denoiser or regressor of small video models.

"B T c h w" -> "B T o h w". Pixels are folded into channels at the entrance and unfolded at the exit; each level halves the
picture; residual blocks are scaled and shifted by their frame's condition (what: noise level, action, ... is the caller's).
Optional: at all levels but the finest, frames look at each other (attention over time at each place, as in Video Diffusion
Models, 2204.03458, with a learned bias by distance); at the coarsest, places look at context tokens (text).
Built on Ho et al. (2006.11239, appendix B), with scale and shift after Dhariwal & Nichol (2105.05233, section 3).
Every block and the exit start at zero: an untrained network gives zero. Fast on a CPU: channels lie last in memory.
Does not know: noise levels, actions, which channels are clean. Footgun: there is no memory; frames of one call are all it sees.
"""

from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from wam.nets.blocks.group_norm import GROUPS, GroupNorm, require_groups
from wam.nets.blocks.resampler import Attention, Distance, require_context

Time = Literal["none", "full", "causal"]
Convolution = type[nn.Conv1d] | type[nn.Conv2d]


class Residual(nn.Module):
    """x + two convolutions, scaled and shifted between them by the condition; the second starts at zero."""

    def __init__(self, inputs: int, outputs: int, condition: int, convolution: Convolution = nn.Conv2d, kernel: int = 3):
        super().__init__()
        self.enter = GroupNorm(GROUPS, inputs)
        self.first = convolution(inputs, outputs, kernel, padding=kernel // 2)
        self.norm = GroupNorm(GROUPS, outputs)
        self.modulate = nn.Linear(condition, 2 * outputs)
        self.second = convolution(outputs, outputs, kernel, padding=kernel // 2)
        self.past = convolution(inputs, outputs, 1) if inputs != outputs else nn.Identity()
        for parameter in self.second.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Float[Tensor, "N _c *size"], condition: Float[Tensor, "N E"]) -> Float[Tensor, "N _o *size"]:
        shift, scale = self.modulate(condition).view(len(x), -1, *[1] * (x.ndim - 2)).chunk(2, 1)
        hidden = self.norm(self.first(F.silu(self.enter(x))))
        out: Tensor = self.past(x) + self.second(F.silu(torch.addcmul(shift, hidden, 1 + scale)))
        return out


class Stage(nn.Module):
    """What happens at one level, going down or up: a residual block, then time, then context, where there are any."""

    def __init__(self, inputs: int, width: int, condition: int, *, time: Time, context: int, heads: int):
        super().__init__()
        self.block = Residual(inputs, width, condition)
        self.time = Attention(width, heads) if time != "none" else None
        self.distance = Distance(heads, time) if time != "none" else None
        self.context = Attention(width, heads, context) if context else None

    def forward(
        self,
        x: Float[Tensor, "N c h w"],
        condition: Float[Tensor, "N E"],
        steps: int,
        context: Float[Tensor, "B K D"] | None,
        context_valid: Bool[Tensor, "B K"] | None,
    ) -> Float[Tensor, "N o h w"]:
        """N = B * `steps`, frames of one clip next to each other."""
        x = self.block(x, condition)
        if self.time is not None and self.distance is not None:
            places = _tokens(x).unflatten(0, (-1, steps)).transpose(1, 2)  # "B P T c"
            seen = self.time(places.flatten(0, 1), bias=self.distance(steps)).view(places.shape)
            x = _picture(seen.transpose(1, 2).flatten(0, 1), x)
        if self.context is not None and context is not None:
            asked = _tokens(x).unflatten(0, (-1, steps)).flatten(1, 2)  # "B T*P c": all frames ask the same tokens
            x = _picture(self.context(asked, context, context_valid).view(len(x), -1, x.shape[1]), x)
        return x


class UNet(nn.Module):
    """Down, up, and a zero-initialised exit."""

    def __init__(
        self,
        channels: int,  # c, of a frame: noisy, clean, masks ... side by side
        outputs: int,  # o
        *,
        condition: int,  # E, width of a frame's condition; it is activated here, so the last layer that makes it is linear
        width: int = 32,  # channels of the finest level; its convolutions cost most
        levels: tuple[int, ...] = (1, 2, 3),  # channels of each level as multiples of `width`, finest first
        fold: int = 2,  # fold x fold pixels become one of the finest level; 1 = none
        context: int = 0,  # D, width of context tokens; 0 = none
        time: Time = "none",  # which frames a frame sees: itself, all, or itself and earlier ones
        heads: int = 4,
    ):
        super().__init__()
        sizes = [width * level for level in levels]
        require_groups(*sizes)
        if time != "none" and len(levels) == 1:
            raise ValueError(f"time={time!r} with a single level: frames look at each other below the finest level only. Add a level.")
        self.multiple = fold * 2 ** (len(levels) - 1)  # frames' sides must be multiples of this, px
        self.context = context
        self.enter = nn.Sequential(nn.PixelUnshuffle(fold), nn.Conv2d(channels * fold**2, sizes[0], 3, padding=1))
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        for level, size in enumerate(sizes):
            lowest, looks = level == len(sizes) - 1, time if level else "none"
            tokens = context if lowest else 0
            self.down.append(Stage(size, size, condition, time=looks, context=tokens, heads=heads))
            self.up.insert(0, Stage(size if lowest else 2 * size, size, condition, time=looks, context=tokens, heads=heads))
        self.shrink = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(sizes))
        self.grow = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, stride=2) for coarse, fine in pairwise(reversed(sizes)))
        self.leave = nn.Sequential(GroupNorm(GROUPS, sizes[0]), nn.SiLU(), nn.Conv2d(sizes[0], outputs * fold**2, 3, padding=1))
        self.unfold = nn.PixelShuffle(fold)
        for parameter in self.leave[-1].parameters():
            nn.init.zeros_(parameter)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self,
        x: Float[Tensor, "B T c h w"],
        condition: Float[Tensor, "B T E"],
        context: Float[Tensor, "B K D"] | None = None,
        context_valid: Bool[Tensor, "B K"] | None = None,
    ) -> Float[Tensor, "B T o h w"]:
        """context_valid: tokens that are there; a row without any, and no context at all, are fine. ValueError for odd sizes."""
        finest = self._levels(x, condition, context, context_valid)[-1]
        return _clips(self.unfold(self.leave(finest)), x)

    def features(
        self,
        x: Float[Tensor, "B T c h w"],
        condition: Float[Tensor, "B T E"],
        context: Float[Tensor, "B K D"] | None = None,
        context_valid: Bool[Tensor, "B K"] | None = None,
    ) -> list[Float[Tensor, "B T _c _h _w"]]:
        """Hidden pictures after each level on the way up, coarsest first; the last is what the exit reads."""
        return [_clips(hidden, x) for hidden in self._levels(x, condition, context, context_valid)]

    def _levels(self, x: Tensor, condition: Tensor, context: Tensor | None, context_valid: Tensor | None) -> list[Tensor]:
        """Pictures "N c h w", coarsest first."""
        if x.shape[-2] % self.multiple or x.shape[-1] % self.multiple:
            raise ValueError(f"frames of {x.shape[-2]} x {x.shape[-1]} px cannot be folded and halved: both sides must be multiples of {self.multiple} px.")
        require_context(context, self.context)
        rest = (F.silu(condition.flatten(0, 1)), x.shape[1], context, context_valid)
        hidden = self.enter(x.flatten(0, 1).contiguous(memory_format=torch.channels_last))
        skips, levels = [], []
        for level, stage in enumerate(self.down):
            hidden = stage(self.shrink[level - 1](hidden) if level else hidden, *rest)
            skips.append(hidden)
        for level, stage in enumerate(self.up):
            hidden = stage(torch.cat([self.grow[level - 1](hidden), skips[-1 - level]], 1) if level else hidden, *rest)
            levels.append(hidden)
        return levels


def _clips(frames: Float[Tensor, "N c h w"], like: Float[Tensor, "B T _c _h _w"]) -> Float[Tensor, "B T c h w"]:
    clips: Tensor = frames.unflatten(0, like.shape[:2])
    return clips


def _tokens(picture: Float[Tensor, "N c h w"]) -> Float[Tensor, "N P c"]:
    return picture.permute(0, 2, 3, 1).flatten(1, 2)  # no copy: channels lie last


def _picture(tokens: Float[Tensor, "N P c"], like: Float[Tensor, "N c h w"]) -> Float[Tensor, "N c h w"]:
    picture: Tensor = tokens.unflatten(1, like.shape[-2:]).permute(0, 3, 1, 2)
    return picture
