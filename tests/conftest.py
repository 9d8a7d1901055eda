"""One thread: two spinning threads on a busy machine are slower than one, and results are compared bit by bit. One seed: no test depends on others."""

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Torch's own random numbers (fresh weights, mostly) are the same whatever ran before."""
    torch.manual_seed(0)
