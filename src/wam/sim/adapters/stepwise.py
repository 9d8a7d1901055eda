"""A policy of a slower clock in a world at its own: it decides at every k-th frame, and every frame in between is shown and recorded.

`Skip` shows a world at a slower clock, and what was not shown cannot be recorded. Here the world keeps its clock: the policy is handed
every k-th frame with the k actions that led to it, and its actions are done one by one. It does what it would do in `Skip`, with other
draws of its noise, which counts the steps of the world.
Knows: clocks.   Does not know: which policy or which world.
"""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from wam.sim.adapters.skip import faster
from wam.world import Actions, Noise, Past, Policy, SpecError, Task


class Stepwise:
    """`Policy` with one action per step around one that does `count` at once. SpecError where it does another number."""

    def __init__(self, policy: Policy[Any], count: int) -> None:
        spec = policy.spec
        if count < 1 or spec.acts.per_step != count:
            raise SpecError(f"Stepwise undoes steps of {count} actions, and {type(policy).__name__} does {spec.acts.per_step} at once. Pass that number.")
        self.policy, self.count = policy, count
        acts = replace(spec.acts, per_step=1)
        self.spec = replace(spec, acts=acts, chunk=spec.chunk * count, execute=spec.execute * count, rate=spec.rate * count)

    def begin(self, batch: int, task: Task) -> Any:
        """As the policy."""
        return self.policy.begin(batch, task)

    def act(self, memory: Any, since: Past, *, noise: Noise | None = None) -> tuple[Any, Actions]:
        """As the policy, of every k-th frame. ValueError where the frames since the last decision are neither one, at a start, nor a multiple of k."""
        memory, actions = self.policy.act(memory, self._slower(since), noise=noise)
        return memory, faster(actions)

    def _slower(self, since: Past) -> Past:
        frames = since.size("T")
        if frames == 1 and self.count > 1:
            return replace(since, actions=self.policy.spec.acts.nothing(since.size("B"), 1, since.device))
        if frames % self.count:
            raise ValueError(
                f"{frames} frames came since the last decision, expected a multiple of {self.count}: {type(self.policy).__name__} does {self.count} actions at "
                f"once. Have {self.spec.execute} executed between two decisions, as `rollout` does."
            )
        last = torch.arange(self.count - 1, frames, self.count, device=since.device)

        def grouped(axes: tuple[str, ...], leaf: Tensor) -> Tensor:
            return leaf.squeeze(2).unflatten(1, (-1, self.count)) if "R" in axes else leaf[:, last]

        return Past(observation=since.observation.take("T", last), actions=since.actions.map(grouped))


def stepwise(policy: Policy[Any], rate: float) -> Policy[Any]:
    """The policy for a world of so many steps per second: itself, or one action at a time where it does all of a longer step's at once."""
    count = policy.spec.acts.per_step
    slower = count > 1 and abs(policy.spec.rate * count - rate) <= 1e-6 * rate
    return Stepwise(policy, count) if slower else policy
