"""A world under test: reset and step with random seeds and actions."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from wam.check.compare import Trace
from wam.check.runner import CheckSkipped
from wam.world import Actions, EnvSpec, Noise, Observation, Outcome, Task


@dataclass(frozen=True)
class EnvSubject:
    """A world under test."""

    env: Any

    @property
    def spec(self) -> EnvSpec:
        """What the world promises."""
        spec: EnvSpec = self.env.spec
        return spec

    @property
    def batch(self) -> int:
        """Rows."""
        return int(self.env.batch)

    @property
    def steps(self) -> int:
        """Steps of one call: two chunks, one step if there is no more before the budget is spent."""
        return self.spec.chunk * (2 if self.spec.budget >= 4 * self.spec.chunk else 1)

    def seeds(self, seed: int) -> Tensor:
        """A seed per row."""
        return torch.arange(self.batch) + 1000 * seed + 7

    def reset(self, seed: int = 1, seeds: Tensor | None = None) -> tuple[Observation, Task]:
        """Restart every row. A copy: worlds that reuse their buffers are another check's matter."""
        observation, task = self.env.reset(torch.ones(self.batch, dtype=torch.bool), self.seeds(seed) if seeds is None else seeds)
        return observation.clone(), task.clone()

    def actions(self, seed: int, steps: int | None = None) -> Actions:
        """Random actions within the limits."""
        noise = Noise.of(range(1000 * seed, 1000 * seed + self.batch), self.device)
        return self.spec.acts.sample(self.batch, self.steps if steps is None else steps, noise)

    @cached_property
    def device(self) -> torch.device:
        """Where the world shows its frames. Resets the world when first asked."""
        return self.reset()[0].device

    def step(self, actions: Actions) -> Outcome:
        """Step every row. A copy."""
        outcome: Outcome = self.env.step(actions).clone()
        return outcome

    def episode(self, seed: int = 1, seeds: Tensor | None = None, acts: int = 1) -> Trace:
        """Reset, two calls of step, and the truth in the end."""
        actions, again = self.actions(acts), self.actions(acts + 100)
        observation, task = self.reset(seed, seeds)
        first, second = self.step(actions), self.step(again)
        return [("the first frame", observation), ("the task", task), ("step", first), ("the second step", second), ("the truth", self.env.truth())]

    def need_rows(self) -> None:
        """Skip checks that compare rows where there is one."""
        if self.batch < 2:
            raise CheckSkipped("the world has one row; make it with a batch of three or more")
