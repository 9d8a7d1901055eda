"""Small convolutional image encoder and decoder.

The encoder folds 2x2 pixels into channels first (as cheap as a patch embedding, and it keeps small things sharp), then halves
the picture until it is 4 pixels high. Sizes must be 4 * 2^n, at least 8.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


def _levels(size: int) -> int:
    """How often a picture of this size is halved, after the fold, to be 4 pixels high."""
    levels = (size // 8).bit_length() - 1
    if size < 8 or size != 8 * 2**levels:
        raise ValueError(f"pictures of {size} pixels: expected 8, 16, 32, 64, ... Set `size` when loading the data, which resizes them.")
    return levels


class ConvEncoder(nn.Module):
    """ "N c s s" -> "N outputs"."""

    def __init__(self, channels: int, size: int, width: int, outputs: int):
        super().__init__()
        levels = _levels(size)
        parts: list[nn.Module] = [nn.PixelUnshuffle(2), nn.Conv2d(4 * channels, width, 3, padding=1), nn.GELU()]
        for level in range(levels):
            parts += [nn.Conv2d(width * 2**level, width * 2 ** (level + 1), 4, stride=2, padding=1), nn.GELU()]
        self.body = nn.Sequential(*parts)
        self.head = nn.Linear(width * 2**levels * 16, outputs)

    def forward(self, picture: Float[Tensor, "N c s s"]) -> Float[Tensor, "N D"]:
        return self.head(self.body(picture).flatten(1))  # type: ignore[no-any-return]


class ConvDecoder(nn.Module):
    """ "N inputs" -> "N c s s"; the last layer is a sigmoid, so values are in (0, 1). Doubles by pixel shuffle, which is cheap."""

    def __init__(self, inputs: int, channels: int, size: int, width: int):
        super().__init__()
        levels = _levels(size)
        self.top = width * 2**levels
        self.head = nn.Linear(inputs, self.top * 16)
        parts: list[nn.Module] = []
        for level in reversed(range(levels)):
            parts += [nn.GELU(), nn.Conv2d(width * 2 ** (level + 1), 4 * width * 2**level, 3, padding=1), nn.PixelShuffle(2)]
        parts += [nn.GELU(), nn.Conv2d(width, 4 * channels, 3, padding=1), nn.PixelShuffle(2)]
        self.body = nn.Sequential(*parts)

    def forward(self, code: Float[Tensor, "N D"]) -> Float[Tensor, "N c s s"]:
        return torch.sigmoid(self.body(self.head(code).view(-1, self.top, 4, 4)))
