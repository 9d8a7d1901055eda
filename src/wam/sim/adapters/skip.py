"""A world seen at every k-th step: R = k actions per step, the frames in between are not shown, rewards are summed.

The counterpart of `skip` in training windows: a model that was trained on every k-th frame acts in its world through this.
Knows: clocks.   Does not know: which world it is.
"""

import math
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from wam.world import Actions, Env, EnvSpec, Noise, Observation, Outcome, Past, Policy, SpecError, Task, Truth


class Skip:
    """`Env` around a world with one action per step. Where its budget is no multiple of k the last step is shorter: a world that is over stands still."""

    def __init__(self, world: Env, count: int) -> None:
        spec = world.spec
        if spec.acts.per_step != 1 or count < 1:
            raise SpecError(f"Skip needs a world with one action per step and a count of at least 1, got {spec.acts.per_step} and {count}.")
        self.world, self.count = world, count
        chunk = spec.chunk // math.gcd(spec.chunk, count)  # the fewest slow steps that are whole chunks of the world
        self._spec = replace(spec, acts=replace(spec.acts, per_step=count), rate=spec.rate / count, chunk=chunk, budget=-(-spec.budget // count))

    @property
    def spec(self) -> EnvSpec:
        """The world's, on the slower clock."""
        return self._spec

    @property
    def batch(self) -> int:
        """Rows of the world."""
        return self.world.batch

    def reset(self, mask: Bool[Tensor, "B"], seeds: Int[Tensor, "B"]) -> tuple[Observation, Task]:
        """As the world."""
        return self.world.reset(mask, seeds)

    def step(self, actions: Actions) -> Outcome:
        """T steps of k actions each. An episode that ends on the way earns nothing afterwards."""
        outcome = self.world.step(faster(actions))
        last = torch.arange(self.count - 1, outcome.size("T"), self.count, device=outcome.device)
        seen = outcome.take("T", last)
        alive = outcome.alive.unflatten(1, (-1, self.count))
        before = torch.cat([torch.ones_like(alive[..., :1]), alive[..., :-1]], 2)
        return replace(seen, reward=(outcome.reward.unflatten(1, (-1, self.count)) * before).sum(2))

    def truth(self) -> Truth:
        """As the world."""
        return self.world.truth()

    def save(self) -> Any:
        """As the world."""
        return self.world.save()

    def restore(self, snapshot: Any) -> None:
        """As the world."""
        self.world.restore(snapshot)


class Held:
    """A policy made for the world itself, on the slower clock: asked once per k steps, its action is done k times."""

    def __init__(self, policy: Policy[Any], count: int) -> None:
        self.policy, self.count = policy, count
        spec = policy.spec
        self.spec = replace(spec, acts=replace(spec.acts, per_step=count), rate=spec.rate / count)

    def begin(self, batch: int, task: Task) -> Any:
        """As the policy."""
        return self.policy.begin(batch, task)

    def act(self, memory: Any, since: Past, *, noise: Noise | None = None) -> tuple[Any, Actions]:
        """As the policy, held."""
        memory, actions = self.policy.act(memory, since, noise=noise)
        return memory, actions.map(lambda axes, leaf: leaf.repeat_interleave(self.count, 2) if "R" in axes else leaf)


def faster(actions: Actions) -> Actions:
    """ "B T k ..." as "B T*k 1 ..."; what has no axis R is held."""
    count = actions.size("R")

    def spread(axes: tuple[str, ...], leaf: Tensor) -> Tensor:
        return leaf.flatten(1, 2).unsqueeze(2) if "R" in axes else leaf.repeat_interleave(count, 1)

    return actions.map(spread)


def at_clock_of(world: Env, policy: Policy[Any]) -> Env:
    """The world as a policy sees it: itself, or its every k-th step for a policy that does k actions at once.

    SpecError where the policy's steps are no multiple of the world's.
    """
    count, rest = divmod(policy.spec.acts.per_step, world.spec.acts.per_step)
    if rest or not count or abs(policy.spec.rate * count - world.spec.rate) > 1e-6 * world.spec.rate:
        raise SpecError(
            f"a policy that decides at {policy.spec.rate:.3g} Hz with {policy.spec.acts.per_step} actions per step cannot act in {world.spec.name!r}, which "
            f"goes at {world.spec.rate:.3g} Hz with {world.spec.acts.per_step}. It must be as fast, or slower by a whole number, with as many actions more."
        )
    return world if count == 1 else Skip(world, count)
