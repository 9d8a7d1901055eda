"""A model under test: a private copy of it, inputs drawn from its spec, and a short script that plays it.

World models and policies answer to the same promises about rows, noise, inputs, modes and saving. Those are checked by
playing a script (look, act, look, act) and comparing what came back call by call.

The copy is in evaluation mode, and its all-zero parameters are small random numbers: a zero-initialised gate would hide
exactly what a check looks for.   Does not know: how the object was built, unless `make` is given.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from wam.check.compare import Trace
from wam.world import Actions, Noise, Past, Record, Task, Window, record

ROWS = 5  # rows of the batch; no other axis of a script has this length, so that swapped axes show
FRAMES = 16  # most frames of a script's first look, however long the context


@record
class Script(Record):
    """What happens to a batch: first look, act (world models: these actions), second look, act again."""

    task: Task
    first: Past
    second: Past
    actions: Actions
    again: Actions
    noise: Noise


@dataclass(frozen=True, kw_only=True)
class Subject(ABC):
    """What checks get. `model` is the private copy."""

    model: Any
    make: Callable[[], Any] | None  # makes a fresh one, for the saving check
    device: torch.device
    window: Window | None  # for the loss checks, where random windows do not suit the model
    losses: tuple[str, ...] | None  # names of the training weights

    @abstractmethod
    def script(self, seed: int, batch: int = ROWS) -> Script:
        """A script from the spec; another seed differs in everything."""

    @abstractmethod
    def play(self, model: Any, script: Script, *, noisy: bool = True) -> Iterator[tuple[str, Record]]:
        """The calls of the script one after the other, each result with a label."""

    @abstractmethod
    def random_window(self, seed: int) -> Window:
        """A training window from the spec."""

    def run(self, script: Script, *, model: Any = None, noisy: bool = True) -> Trace:
        """All results of a script."""
        with torch.no_grad():
            return list(self.play(self.model if model is None else model, script, noisy=noisy))

    def training_window(self, seed: int) -> Window:
        """The user's window (its rows turned, for another seed) or a random one."""
        if self.window is None:
            return self.random_window(seed)
        count = self.window.size("B")
        return self.window.select((torch.arange(count) + seed) % count)


def private_copy(model: Any, device: torch.device) -> Any:
    """A copy in evaluation mode with no all-zero parameter. Objects that are no nn.Module are used as they are."""
    if not isinstance(model, nn.Module):
        return model
    made = copy.deepcopy(model).to(device).eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in made.parameters():
        if parameter.is_floating_point() and parameter.numel() and not bool(parameter.detach().any()):
            values = torch.randn(parameter.shape, generator=generator) * 0.05
            parameter.data.copy_(values)
    return made


def distinct(count: int) -> int:
    """The count, or one more where it is the number of rows."""
    return count + 1 if count == ROWS else count
