"""Policies for any world with low-level actions: at random, or always the same. What a learner must at least beat.

They read the world's spec and nothing else.
"""

import torch
from jaxtyping import Int
from torch import Tensor

from wam.world.noise import Noise, require_noise
from wam.world.record import Record, record
from wam.world.records import Actions, Past, Task
from wam.world.specs import EnvSpec, ObservationSpec, PolicySpec


@record
class Count(Record):
    """Decisions made so far."""

    done: Int[Tensor, "B"]


class Uniform:
    """Actions uniform within their limits, anew at each step; numbers without limits as `ActionSpec.sample` says."""

    def __init__(self, world: EnvSpec) -> None:
        self.spec = blind(world)

    def begin(self, batch: int, task: Task) -> Count:
        """A fresh memory."""
        return Count(done=torch.zeros(batch, dtype=torch.int64))

    def act(self, memory: Count, since: Past, *, noise: Noise | None = None) -> tuple[Count, Actions]:
        """`spec.chunk` actions."""
        noise = require_noise(noise, "Uniform")
        return Count(done=memory.done + 1), self.spec.acts.sample(len(memory.done), self.spec.chunk, noise)


class Idle:
    """The action 0, or what of the limits is nearest to it."""

    def __init__(self, world: EnvSpec) -> None:
        self.spec = blind(world)

    def begin(self, batch: int, task: Task) -> Count:
        """A fresh memory."""
        return Count(done=torch.zeros(batch, dtype=torch.int64))

    def act(self, memory: Count, since: Past, *, noise: Noise | None = None) -> tuple[Count, Actions]:
        """`spec.chunk` actions."""
        acts, batch = self.spec.acts, len(memory.done)
        low, high = acts.limits(since.device)
        still = torch.zeros_like(low).clamp(low, high).expand(batch, self.spec.chunk, acts.per_step, -1)
        return Count(done=memory.done + 1), Actions(valid=torch.ones_like(still[..., 0], dtype=torch.bool), low_level=still)


def blind(world: EnvSpec) -> PolicySpec:
    """The spec of a policy that sees nothing."""
    return PolicySpec(observes=ObservationSpec(), acts=world.acts, chunk=world.chunk, execute=world.chunk, rate=world.rate)
