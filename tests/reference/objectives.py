"""Objectives of a user's own, for models that predict observations: proprioception, a cloud of points, a picture.

`earlier`: weight of a step relative to the next one; 0 = only the last step counts.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

from wam.world import Observation, to_float

SCALES = (1, 3, 5, 9, 15)  # px


@dataclass(frozen=True)
class GoalPlace:
    """The pusher at the goal's place, read from predicted proprioception."""

    earlier: float = 0.0
    goal_conditioned = True

    def prepare(self, model, task):
        return Observation(proprio=task.goal.proprio)

    def cost(self, model, goal, future, actions):
        return over_time((future.observation.proprio - goal.proprio).square().sum(-1), self.earlier)


@dataclass(frozen=True)
class GoalCloud:
    """Every point of the cloud at its place in the goal."""

    earlier: float = 0.0
    goal_conditioned = True

    def prepare(self, model, task):
        return Observation(points=replace(task.goal.points, group=None))

    def cost(self, model, goal, future, actions):
        return over_time((future.observation.points.xyz - goal.points.xyz).square().sum(-1).mean(-1), self.earlier)


@dataclass(frozen=True)
class GoalPicture:
    """Look like the goal picture, near and from afar: pictures are compared at several blurs.

    Where bodies of two pictures do not overlap, their pixels alone do not say how far apart they are; blurred ones do.
    """

    earlier: float = 0.0
    goal_conditioned = True

    def prepare(self, model, task):
        return Observation(rgb={name: to_float(rgb[:, -1:]) for name, rgb in task.goal.rgb.items()})

    def cost(self, model, goal, future, actions):
        steps = slice(None) if self.earlier else slice(-1, None)
        apart = [future.observation.rgb[name][:, steps] - wanted for name, wanted in goal.rgb.items()]
        return over_time(torch.stack([picture_distance(one) for one in apart]).mean(0), self.earlier)


def picture_distance(difference: Float[Tensor, "B H 3 h w"]) -> Float[Tensor, "B H"]:
    """Mean square of the difference blurred by boxes of SCALES, each weighted by its area."""
    flat = difference.flatten(0, 1)
    blurred = [size * avg_pool2d(flat, size, 1, size // 2) for size in SCALES]
    return torch.stack([one.square().flatten(1).mean(1) for one in blurred]).sum(0).view(difference.shape[:2])


def over_time(per_step: Float[Tensor, "B H"], earlier: float) -> Float[Tensor, "B"]:
    """Mean over the steps, each weighing `earlier` times its successor."""
    if earlier == 0:
        return per_step[:, -1]
    weights = earlier ** torch.arange(per_step.shape[1] - 1, -1, -1, device=per_step.device, dtype=per_step.dtype)
    return (per_step * weights).sum(1) / weights.sum()
