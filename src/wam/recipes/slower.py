"""Windows at a slower clock: a video model looks as far ahead as a task goes, in few frames, while the policy beside it acts at its own pace."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor, nn

from wam.train.stage import Derive
from wam.world import Actions, Future, Past, Window, Windows


@dataclass(frozen=True)
class Slower:
    """Windows of which a step is `times` steps of others, with the frame after the last of them, or the episode's last frame where it ends before.

    What was done is left out: these are windows of video. The others' H is a multiple of `times`.
    """

    windows: Windows
    times: int

    def __len__(self) -> int:
        return len(self.windows)

    def batch(self, indices: Int[Tensor, "B"]) -> Window:
        """See `Windows`. Every step counts, since the first of the others always does, and frames beyond the end are the last one again."""
        found = self.windows.batch(indices)
        steps = found.actions.valid.shape[1] // self.times
        begun, past = found.actions.valid[:, :1], found.past.actions.valid
        last = torch.arange(1, steps + 1, device=found.valid.device) * self.times - 1
        return Window(
            past=Past(observation=found.past.observation, actions=Actions(valid=past.repeat(1, 1, self.times))),
            actions=Actions(valid=begun.repeat(1, steps, self.times)),
            future=Future(observation=found.future.take("H", last).observation),
            valid=found.valid[:, :1].expand(-1, steps),
            task=found.task,
        )


def slower(times: int) -> Derive:
    """For `Stage.derives`."""
    return partial(_slower, times=times)


def _slower(model: nn.Module, windows: Windows, folder: Path, *, times: int) -> Windows:
    return Slower(windows, times)
