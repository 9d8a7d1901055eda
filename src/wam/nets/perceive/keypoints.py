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

GROUPS = 8  # of channels that are normalised together


class KeypointEncoder(nn.Module):
    """ "N c h w" in [0, 1] -> "N D": K places and their sureness, then a perceptron. `condition`: width of what layers are told, 0 = nothing."""

    def __init__(self, channels: int, outputs: int, *, width: int = 32, points: int = 32, condition: int = 0):
        super().__init__()
        if width % GROUPS:
            raise ValueError(f"width is {width}, expected a multiple of {GROUPS}: so many groups are normalised.")
        self.fold = nn.PixelUnshuffle(2)
        self.layers = nn.ModuleList(nn.Conv2d(inputs, width, 3, padding=1) for inputs in (4 * channels, width, width))
        self.norms = nn.ModuleList(nn.GroupNorm(GROUPS, width) for _ in self.layers)
        self.told = nn.ModuleList(nn.Linear(condition, 2 * width) for _ in self.layers) if condition else None
        self.maps = nn.Conv2d(width, points, 1)
        self.read = nn.Sequential(nn.Linear(3 * points, outputs), nn.GELU(), nn.Linear(outputs, outputs))

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
        maps = self.maps(x).flatten(2)
        weight = maps.softmax(-1)
        y, across = torch.meshgrid(*((2 * torch.arange(side, device=x.device, dtype=x.dtype) + 1) / side - 1 for side in x.shape[-2:]), indexing="ij")
        places = weight @ torch.stack([across.flatten(), y.flatten()], -1)
        sure = maps.amax(-1, keepdim=True) - maps.mean(-1, keepdim=True)
        found: Tensor = self.read(torch.cat([places, sure.tanh()], -1).flatten(1))
        return found
