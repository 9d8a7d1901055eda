"""One thread: two spinning threads on a busy machine are slower than one, and results are compared bit by bit. One seed for each test."""

import pytest
import torch

torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Torch's own random numbers (fresh weights, mostly) do not depend on earlier tests; what a module shares is made before, and seeds itself."""
    torch.manual_seed(0)
