"""Windows at a slower clock: a video model looks as far ahead as a task goes, in few frames, while the policy beside it acts at its own pace."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor, nn

from wam.train.stage import Derive
from wam.world import Actions, Future, Past, SpecError, Window, Windows, WorldModelSpec


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
        """See `Windows`. All steps of a window count where any of the others was done, and frames beyond the end are the last one again."""
        found = self.windows.batch(indices)
        steps = found.actions.valid.shape[1] // self.times
        done, past = found.actions.valid.any(1, keepdim=True), found.past.actions.valid
        last = torch.arange(1, steps + 1, device=found.valid.device) * self.times - 1
        return Window(
            past=Past(observation=found.past.observation, actions=Actions(valid=past.repeat(1, 1, self.times))),
            actions=Actions(valid=done.repeat(1, steps, self.times)),
            future=Future(observation=found.future.take("H", last).observation),
            valid=found.valid[:, :1].expand(-1, steps),
            task=found.task,
        )


def slower(part: str) -> Derive:
    """For `Stage.derives`: windows at the clock of the video model that is this part. SpecError where it is told actions, or the clocks do not meet."""
    return partial(_slower, part=part)


def _slower(model: nn.Module, windows: Windows, folder: Path, *, part: str) -> Windows:
    spec = model.get_submodule(part).spec
    assert isinstance(spec, WorldModelSpec)
    done = windows.batch(torch.tensor([0])).actions.valid.shape[2]
    times, rest = divmod(spec.consumes.per_step, done)
    if rest or not times:
        raise SpecError(f"{part} makes steps of {spec.consumes.per_step} actions, and those of the windows hold {done}. Make its steps a multiple of theirs.")
    if times == 1:
        return windows
    if spec.consumes.low_level:
        raise SpecError(f"{part} is told actions, and windows at a slower clock show video alone. Leave acts at none, or let it look ahead step by step.")
    return Slower(windows, times)
