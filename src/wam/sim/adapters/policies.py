"""Policies for any world with low-level actions: at random, or always the same. What a learner must at least beat.

They read the world's spec and nothing else.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from wam.world import Actions, Env, Noise, ObservationSpec, Past, PolicySpec, Record, Task, record, require_noise


@record
class Count(Record):
    """Decisions made so far."""

    done: Int[Tensor, "B"]


class Anyhow:
    """Actions uniform within their limits, anew at each step."""

    def __init__(self, world: Env) -> None:
        self.spec = blind(world)

    def begin(self, batch: int, task: Task) -> Count:
        """A fresh memory."""
        return Count(done=torch.zeros(batch, dtype=torch.int64))

    def act(self, memory: Count, since: Past, *, noise: Noise | None = None) -> tuple[Count, Actions]:
        """One action."""
        noise = require_noise(noise, "Anyhow")
        return Count(done=memory.done + 1), self.spec.acts.sample(len(memory.done), 1, noise)


class Idle:
    """The action 0, or what of the limits is nearest to it."""

    def __init__(self, world: Env) -> None:
        self.spec = blind(world)
        low, high = world.spec.acts.limits()
        self.action = torch.zeros_like(low).clamp(low, high)

    def begin(self, batch: int, task: Task) -> Count:
        """A fresh memory."""
        return Count(done=torch.zeros(batch, dtype=torch.int64))

    def act(self, memory: Count, since: Past, *, noise: Noise | None = None) -> tuple[Count, Actions]:
        """One action."""
        batch = len(memory.done)
        done = Actions(valid=torch.ones(batch, 1, 1, dtype=torch.bool), low_level=self.action.repeat(batch, 1, 1, 1))
        return Count(done=memory.done + 1), done


def blind(world: Env) -> PolicySpec:
    """The spec of a policy that sees nothing."""
    return PolicySpec(observes=ObservationSpec(), acts=world.spec.acts, rate=world.spec.rate)
