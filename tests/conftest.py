"""One thread: two spinning threads on a busy machine are slower than one, and results are compared bit by bit."""

import torch

torch.set_num_threads(1)
