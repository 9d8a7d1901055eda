"""Where things are, from a picture: convolutions whose last maps are read as places (spatial softmax, Levine et al., 1504.00702).

Each of K maps becomes a distribution over the picture; its mean is a place, -1 .. 1, x to the right and y down, and how peaked
it is says how sure. Layers may be scaled and shifted by a condition (FiLM, 1709.07871), so that an instruction says what to look for:
"red" is then one step away from where the red thing is, instead of hidden in a vector of everything.
Does not know: time, words.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from wam.nets.blocks.group_norm import GROUPS, require_groups

SHARPNESS = 20.0  # of the softmax over places: fresh maps are nearly flat, and a flat one says "in the middle" whatever it sees


class Places(nn.Module):
    """Hidden pictures "N c h w" -> where `points` things are and how sure that is: "N 3 * points"."""

    def __init__(self, channels: int, points: int):
        super().__init__()
        self.outputs = 3 * points
        self.maps = nn.Conv2d(channels, points, 1)

    def forward(self, hidden: Float[Tensor, "N c h w"]) -> Float[Tensor, "N D"]:
        maps = self.maps(hidden).flatten(2)
        precise = maps.to(torch.promote_types(maps.dtype, torch.float32))  # places need more digits than bfloat16 has
        weight = (SHARPNESS * precise).softmax(-1).unflatten(-1, hidden.shape[-2:])
        down, across = ((2 * torch.arange(side, device=maps.device) + 1) / side - 1 for side in hidden.shape[-2:])
        places = [(weight.sum(-2) * across).sum(-1), (weight.sum(-1) * down).sum(-1)]
        sure = maps.amax(-1) - maps.mean(-1)
        return torch.stack([*(place.to(maps.dtype) for place in places), sure.tanh()], -1).flatten(1)


class KeypointEncoder(nn.Module):
    """ "N c h w" in [0, 1] -> "N D": K places and their sureness, then a perceptron. `condition`: width of what layers are told, 0 = nothing."""

    def __init__(self, channels: int, outputs: int, *, width: int = 32, points: int = 32, condition: int = 0):
        super().__init__()
        require_groups(width)
        self.fold = nn.PixelUnshuffle(2)
        self.layers = nn.ModuleList(nn.Conv2d(inputs, width, 3, padding=1) for inputs in (4 * channels, width, width))
        self.norms = nn.ModuleList(nn.GroupNorm(GROUPS, width) for _ in self.layers)
        self.told = nn.ModuleList(nn.Linear(condition, 2 * width) for _ in self.layers) if condition else None
        self.places = Places(width, points)
        self.read = nn.Sequential(nn.Linear(self.places.outputs, outputs), nn.GELU(), nn.Linear(outputs, outputs))

    def forward(self, picture: Float[Tensor, "N c h w"], condition: Float[Tensor, "N C"] | None = None) -> Float[Tensor, "N D"]:
        """ValueError where a condition is missing or not expected."""
        if (condition is not None) != (self.told is not None):
            raise ValueError(
                f"the condition is {'absent' if condition is None else 'given'}, but the encoder was built {'with' if self.told else 'without'} one."
            )
        x = self.fold(2 * picture - 1)
        for index, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            x = norm(layer(x))
            if self.told is not None and condition is not None:
                scale, shift = self.told[index](condition)[:, :, None, None].chunk(2, 1)
                x = x * (1 + scale) + shift
            x = F.gelu(x)
        found: Tensor = self.read(self.places(x))
        return found
