"""Low-level actions as numbers of about unit scale, as networks draw and read them, and back as actions of the robot.

Knows: moments of the actions and their limits.   Does not know: what draws the numbers.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from wam.nets.blocks.normalise import Normalise
from wam.world import Actions, ActionSpec, SpecError, Statistics


class UnitScale(Normalise):
    """Called with actions "B T R A" it gives numbers of that shape; `physical` goes back."""

    def __init__(self, acts: ActionSpec, statistics: Statistics, user: str):
        """SpecError for actions that are not low-level ones with moments, which tells that `user` needs them."""
        if statistics.action is None or not acts.low_level:
            raise SpecError(f"{user} needs low-level actions and their moments, got the slots {acts.low_level} and moments {statistics.action}.")
        super().__init__(statistics.action.mean, statistics.action.std)
        self.acts = acts

    def physical(self, numbers: Float[Tensor, "B T R*A"]) -> Actions:
        """Drawn numbers as actions within their limits, all valid."""
        low, high = self.acts.limits(numbers.device, numbers.dtype)
        low_level = (numbers.unflatten(2, (self.acts.per_step, -1)) * self.std + self.mean).clamp(low, high)
        return Actions(valid=torch.ones_like(low_level[..., 0], dtype=torch.bool), low_level=low_level)
