"""Multi-layer perceptrons."""

from torch import nn


def mlp(inputs: int, hidden: int, outputs: int, layers: int = 1, *, batch_norm: bool = False) -> nn.Sequential:
    """`layers` hidden layers with GELU, last axis in and out. `batch_norm` normalises hidden units over the batch ("N D" only)."""
    parts: list[nn.Module] = []
    for index in range(layers):
        parts += [nn.Linear(inputs if index == 0 else hidden, hidden)]
        parts += [nn.BatchNorm1d(hidden)] if batch_norm else []
        parts += [nn.GELU()]
    return nn.Sequential(*parts, nn.Linear(hidden, outputs))
