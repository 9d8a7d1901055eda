"""One process or several: who am I, how many are we, and the few things that we agree on.

A single process needs nothing. Several are started by `wam train --processes`, `accelerate launch` or `torchrun`, and use `accelerate` (extra "train").
Each takes its share of the same global batch; gradients are averaged while they are computed. Buffers follow process 0.
"""

import os

import torch
from torch import Tensor, nn


class Alone:
    """The only process."""

    index, count = 0, 1

    def __init__(self, device: torch.device | str):
        self.device = torch.device(device)

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module whose call averages gradients over the processes."""
        return module

    def mean(self, value: Tensor) -> Tensor:
        """The mean over the processes, in each of them."""
        return value

    def agree(self, flag: bool) -> bool:
        """True in each process if it is in any."""
        return flag

    def wait(self) -> None:
        """Until all are here."""


class Several(Alone):
    """One of several processes."""

    def __init__(self, device: torch.device | str):
        try:
            from accelerate import Accelerator
            from accelerate.utils import DistributedDataParallelKwargs
        except ImportError as error:
            raise ImportError('training with several processes needs `accelerate`: pip install "wam[train]"') from error
        some_unused = DistributedDataParallelKwargs(find_unused_parameters=True)  # a loss may leave out parts, e.g. the video of a joint model
        self.accelerator = Accelerator(cpu=torch.device(device).type == "cpu", kwargs_handlers=[some_unused])
        super().__init__(self.accelerator.device)
        self.index, self.count = self.accelerator.process_index, self.accelerator.num_processes

    def wrap(self, module: nn.Module) -> nn.Module:
        wrapped: nn.Module = self.accelerator.prepare(module)
        return wrapped

    def mean(self, value: Tensor) -> Tensor:
        mean: Tensor = self.accelerator.reduce(value, reduction="mean")
        return mean

    def agree(self, flag: bool) -> bool:
        return bool(self.mean(torch.tensor(float(flag), device=self.device)) > 0)

    def wait(self) -> None:
        self.accelerator.wait_for_everyone()


def processes(device: torch.device | str) -> Alone:
    """This process, as its launcher says in WORLD_SIZE."""
    return Several(device) if int(os.environ.get("WORLD_SIZE", "1")) > 1 else Alone(device)
