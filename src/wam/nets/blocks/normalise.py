"""Fixed normalisation from statistics: physical units outside, about unit scale inside."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalise(nn.Module):
    """(x - mean) / std over the last axis; columns that never varied are only centred. Mean and std are buffers: they are saved."""

    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        scale = torch.tensor(std, dtype=torch.float32)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("std", torch.where(scale > 1e-6, scale, torch.ones_like(scale)))
        self.mean: Tensor
        self.std: Tensor

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std
