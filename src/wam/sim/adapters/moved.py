"""A world that computes on one device, for models on another: what it shows goes there, actions come back.

Most simulators compute on the CPU alone; a model on a GPU acts in them through this. Where both are the same nothing is copied.
Knows: devices.   Does not know: which world it is.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from wam.world import Actions, Env, EnvSpec, Observation, Outcome, Task, Truth


@dataclass
class Moved:
    """`Env` around another, whose records lie on `device`."""

    env: Env
    device: torch.device
    _home: torch.device = field(default=torch.device("cpu"), init=False)  # where the world computes: known from its first frame on

    @property
    def spec(self) -> EnvSpec:
        """The world's."""
        return self.env.spec

    @property
    def batch(self) -> int:
        """Rows of the world."""
        return self.env.batch

    def reset(self, mask: Bool[Tensor, "B"], seeds: Int[Tensor, "B"]) -> tuple[Observation, Task]:
        """As the world."""
        observation, task = self.env.reset(mask, seeds)
        self._home = observation.device
        return observation.to(self.device), task.to(self.device)

    def step(self, actions: Actions) -> Outcome:
        """As the world."""
        return self.env.step(actions.to(self._home)).to(self.device)

    def truth(self) -> Truth:
        """As the world."""
        return self.env.truth().to(self.device)

    def save(self) -> Any:
        """As the world, where it computes."""
        return self.env.save()

    def restore(self, snapshot: Any) -> None:
        """As the world."""
        self.env.restore(snapshot)
