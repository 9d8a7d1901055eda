"""Goals in hindsight lie in the second half of the way, all of them alike; what is told actions cannot imagine before there are any."""

import pytest
import torch
from torch import nn

from tests.models.world_action.test_video_alone import ACTS, SEES, video
from wam.models.world_action.grounding import ByGoal
from wam.models.world_action.imagine_then_execute import ImagineThenExecute
from wam.world import Actions, Future, Noise, Observation, Past, SpecError, Task, Window


class Asked(nn.Module):
    """In place of a policy: remembers the goals that it is to reach."""

    def loss(self, window, *, noise):
        self.goals = window.task.goal.rgb["top"]
        return {"actions": torch.zeros(len(self.goals))}


@pytest.mark.parametrize("steps", [1, 2, 5, 6])
def test_goals_are_drawn_evenly_from_the_second_half(steps):
    rows, longest = 4000, 6
    frames = torch.arange(longest, dtype=torch.uint8)[:, None, None, None].expand(rows, -1, 3, 16, 16)
    window = Window(
        past=Past(observation=Observation(rgb={"top": frames[:, :1]}), actions=ACTS.sample(rows, 1)),
        actions=Actions(valid=torch.ones(rows, longest, 1, dtype=torch.bool)),
        future=Future(observation=Observation(rgb={"top": frames})),
        valid=(torch.arange(longest) < steps).expand(rows, -1),
        task=Task(),
    )
    policy = Asked()
    ByGoal(policy).loss(window, noise=Noise.of(range(rows)))
    drawn = policy.goals[:, 0, 0, 0, 0].long().bincount(minlength=longest) / rows
    last = steps - 1
    half = torch.arange(last - last // 2, last + 1)  # half of the way to the last frame, and what comes after
    assert drawn[half].tolist() == pytest.approx([1 / len(half)] * len(half), abs=0.03) and float(drawn[half].sum()) == pytest.approx(1)


def test_a_video_model_that_is_told_actions_is_refused():
    with pytest.raises(SpecError, match=r"is told actions\. Set acts to none"):
        ImagineThenExecute(video(1, acts="frame"), ByGoal(Asked()), ACTS, chunk=1, execute=1, rate=10.0)
    assert ImagineThenExecute(video(1, acts="none"), ByGoal(Asked()), ACTS, chunk=1, execute=1, rate=10.0).spec.observes == SEES
