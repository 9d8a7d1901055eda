"""Which seeds are for evaluation: recording refuses them, and success is measured on nothing else. And how seeds fill batches."""

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Int
from torch import Tensor

EVALUATION_SEEDS = 2_000_000  # the first of them


def in_batches(seeds: Sequence[int], size: int) -> Iterator[tuple[Int[Tensor, "B"], int]]:
    """Seeds for worlds of `size` rows, and how many of them count: the last batch is filled up with its last seed."""
    for first in range(0, len(seeds), size):
        some = list(seeds[first : first + size])
        yield torch.tensor(some + some[-1:] * (size - len(some))), len(some)
