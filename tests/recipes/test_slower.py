"""Windows at a slower clock show the frames that lie apart, and the last one beyond the end."""

from pathlib import Path

import pytest
import torch
from torch import nn

from wam.recipes.slower import Slower, slower
from wam.world import Actions, ActionSpec, Future, FutureSpec, Observation, ObservationSpec, Past, Slot, SpecError, Task, Window, WorldModelSpec


class Counting:
    """Windows of one past frame and 6 steps of 2 actions; frame t of row b says 100 b + t. Row b ends after 6 - b steps."""

    def __len__(self) -> int:
        return 6

    def batch(self, indices: torch.Tensor) -> Window:
        steps = torch.arange(1, 7)
        real = steps <= 6 - indices[:, None]
        frames = 100 * indices[:, None] + torch.minimum(steps, 6 - indices[:, None])
        return Window(
            past=Past(
                observation=Observation(proprio=100.0 * indices[:, None, None]), actions=Actions(valid=torch.zeros(len(indices), 1, 2, dtype=torch.bool))
            ),
            actions=Actions(valid=real[..., None].expand(-1, -1, 2), low_level=torch.zeros(len(indices), 6, 2, 1)),
            future=Future(observation=Observation(proprio=frames[..., None].float())),
            valid=real,
            task=Task(),
        )


def test_a_step_is_three_of_the_others_and_ends_at_the_episodes_last_frame() -> None:
    windows = Slower(Counting(), 3)
    window = windows.batch(torch.tensor([0, 2, 5])).check()
    assert len(windows) == 6
    assert window.future.observation is not None and window.future.observation.proprio is not None
    assert window.future.observation.proprio[..., 0].tolist() == [[3, 6], [203, 204], [501, 501]]
    assert window.valid.all() and window.actions.valid.all() and window.actions.low_level is None
    assert window.actions.valid.shape == (3, 2, 6) and window.past.actions.valid.shape == (3, 1, 6)
    assert not window.past.actions.valid.any()  # an episode's first frame still begins a stretch


class Told(nn.Module):
    """A video model of which only the clock is asked."""

    def __init__(self, per_step: int, low_level: tuple[Slot, ...] = ()):
        super().__init__()
        seen = ObservationSpec(proprio=(Slot(name="x", unit="m"),))
        consumes = ActionSpec(per_step=per_step, low_level=low_level)
        self.spec = WorldModelSpec(observes=seen, predicts=FutureSpec(observation=seen), consumes=consumes, stochastic=False)


def test_the_clock_is_the_models(tmp_path: Path) -> None:
    windows, policy = Counting(), nn.Module()
    for per_step, times in ((2, None), (4, 2), (6, 3)):
        policy.video = Told(per_step)
        made = slower("video")(policy, windows, tmp_path)
        assert made is windows if times is None else made == Slower(windows, times)
    for odd, why in ((Told(3), "multiple"), (Told(1), "multiple"), (Told(6, (Slot(name="dx", unit="m"),)), "video alone")):
        policy.video = odd
        with pytest.raises(SpecError, match=why):
            slower("video")(policy, windows, tmp_path)
