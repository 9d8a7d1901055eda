"""RGB between rest (uint8 0..255) and models (float 0..1)."""

import torch
from torch import Tensor


def to_float(rgb: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 0..255 -> float 0..1; floats are passed on in their own dtype."""
    return rgb.to(dtype) / 255 if rgb.dtype == torch.uint8 else rgb


def to_uint8(rgb: Tensor) -> Tensor:
    """float 0..1 -> uint8 0..255, rounded and clipped; uint8 is passed on."""
    return rgb if rgb.dtype == torch.uint8 else (rgb.clamp(0, 1) * 255).round().to(torch.uint8)
