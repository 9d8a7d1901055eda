"""Simplicial normalisation (arXiv 2204.00616; TD-MPC2, arXiv 2310.16828, equation 5): groups of numbers that sum to one."""

from torch import Tensor, nn


class SimNorm(nn.Module):
    """Softmax within groups of `size` along the last axis. ValueError where it is no multiple of `size`."""

    def __init__(self, size: int):
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] % self.size:
            raise ValueError(f"{x.shape[-1]} numbers cannot be cut into groups of {self.size}: make the width a multiple of it.")
        normed: Tensor = x.unflatten(-1, (-1, self.size)).softmax(-1).flatten(-2)
        return normed
