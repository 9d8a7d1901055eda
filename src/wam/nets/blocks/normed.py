"""Multi-layer perceptrons as in TD-MPC2 (arXiv 2310.16828, section 3.1): linear, LayerNorm, SiLU; one, or several side by side."""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F


def normed_mlp(inputs: int, hidden: int, outputs: int, layers: int = 2, last: nn.Module | None = None) -> nn.Sequential:
    """`layers` hidden layers, last axis in and out. With `last` the output is normalised and given to it, else it is linear."""
    parts: list[nn.Module] = []
    for index in range(layers):
        parts += [nn.Linear(inputs if index == 0 else hidden, hidden), nn.LayerNorm(hidden), nn.SiLU()]
    parts += [nn.Linear(hidden, outputs)]
    return nn.Sequential(*parts, *([nn.LayerNorm(outputs), last] if last is not None else []))


class Ensemble(nn.Module):
    """K perceptrons with two hidden layers and weights of their own, "N inputs" -> "K N outputs". The last layer starts at zero."""

    def __init__(self, count: int, inputs: int, hidden: int, outputs: int):
        super().__init__()
        sizes = (inputs, hidden, hidden, outputs)
        self.weights = nn.ParameterList(torch.stack([nn.Linear(a, b).weight.detach().T for _ in range(count)]) for a, b in pairwise(sizes))
        self.biases = nn.ParameterList(torch.zeros(count, 1, size) for size in sizes[1:])
        self.scales = nn.ParameterList(torch.ones(count, 1, size) for size in sizes[1:-1])
        self.shifts = nn.ParameterList(torch.zeros(count, 1, size) for size in sizes[1:-1])
        nn.init.zeros_(self.weights[-1])

    def forward(self, x: Float[Tensor, "N I"], *, frozen: bool = False) -> Float[Tensor, "K N O"]:
        """`frozen`: gradients reach x, but not the weights."""
        weights, biases, scales, shifts = ([p.detach() if frozen else p for p in group] for group in (self.weights, self.biases, self.scales, self.shifts))
        hidden = x.expand(len(weights[0]), *x.shape)
        for weight, bias, scale, shift in zip(weights, biases, scales, shifts, strict=False):
            hidden = F.silu(F.layer_norm(torch.baddbmm(bias, hidden, weight), weight.shape[-1:]) * scale + shift)
        return torch.baddbmm(biases[-1], hidden, weights[-1])
