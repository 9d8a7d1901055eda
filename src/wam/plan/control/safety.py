"""The last stop before the motors: finite numbers, within limits, not changing too fast.

A decision whose actions are not finite is never executed. With `tolerate = 0` it is an error at once, which is right for
simulation and tests; on a robot set the number of such decisions in a row that may pass: each is replaced by standing still
and counted. Standing still means 0 in relative slots and the last executed value in absolute ones (declare a velocity
command as relative); before anything was executed it means doing nothing (`valid` = False). A row whose last step was not
executed, since its episode is over, stands still however often: it must not end the others.

Knows: numbers and slots.   Does not know: collisions, joint torques, people. It does not replace a robot's own protection.
"""

import dataclasses
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.world import Actions, Noise, Past, Policy, PolicySpec, Record, SpecError, Task, record


class SafetyError(RuntimeError):
    """A policy gave actions that must not reach a motor."""


@record
class Guard(Record):
    """What safety remembers of each row."""

    last: Float[Tensor, "B A"]  # the last executed action, physical units
    moved: Bool[Tensor, "B"]  # was there one
    faults: Int[Tensor, "B"]  # decisions in a row that were replaced


@dataclass(frozen=True)
class Safety:
    """Limits come from the action spec; the rest is set here."""

    rate: tuple[float, ...] | None = None  # largest change of each slot per second; None = free
    tolerate: int = 0  # decisions in a row that may be replaced because they were not finite

    def begin(self, batch: int, spec: PolicySpec, device: torch.device | str = "cpu") -> Guard:
        """Before anything was executed."""
        size = len(spec.acts.low_level)
        if self.rate is not None and len(self.rate) != size:
            raise SpecError(f"Safety.rate has {len(self.rate)} numbers, the policy's actions have {size} slots.")
        zero = torch.zeros(batch, dtype=torch.int64, device=device)
        return Guard(last=torch.zeros(batch, size, device=device), moved=zero.bool(), faults=zero)

    def apply(self, guard: Guard, since: Past, actions: Actions, spec: PolicySpec) -> tuple[Guard, Actions]:
        """Safe actions. `since` says what was executed. SafetyError once a row has had more faults than are tolerated."""
        over = guard.moved & ~since.actions.valid[:, -1].any(-1)
        guard = _executed(guard, since.actions)
        assert actions.low_level is not None
        wild = ~(actions.low_level.isfinite().all(-1) | ~actions.valid).flatten(1).all(1)
        guard = dataclasses.replace(guard, faults=torch.where(wild, guard.faults + 1, 0))
        failed = (guard.faults > self.tolerate) & ~over
        if bool(failed.any()):
            raise SafetyError(
                f"rows {torch.nonzero(failed).flatten().tolist()} got actions that are not finite, or no plan with a finite cost, "
                f"{self.tolerate + 1} times in a row. A NaN in an observation or a diverged model is the usual cause. "
                "Safety(tolerate=n) stands still instead, n times."
            )
        relative = torch.tensor([slot.relative for slot in spec.acts.low_level], device=wild.device)
        still = torch.where(relative, 0, guard.last)[:, None, None]
        low, high = spec.acts.limits(wild.device, actions.low_level.dtype)
        low_level = torch.where(wild[:, None, None, None], still, actions.low_level).clamp(low, high)
        valid = torch.where(wild[:, None, None], guard.moved[:, None, None], actions.valid)
        if self.rate is not None:
            largest = torch.tensor(self.rate, device=wild.device) / (spec.rate * spec.acts.per_step)
            low_level = _slowed(low_level, valid, guard, largest)
        return guard, dataclasses.replace(actions, low_level=low_level, valid=valid)


@record
class GuardedMemory(Record):
    """The policy's own memory and the guard."""

    inner: Record
    guard: Guard


class Guarded:
    """Any policy with low-level actions, behind `Safety`."""

    def __init__(self, policy: Policy, safety: Safety) -> None:
        self.policy, self.safety, self.spec = policy, safety, policy.spec

    def begin(self, batch: int, task: Task) -> GuardedMemory:
        """The policy's memory, and nothing executed yet."""
        inner: Record = self.policy.begin(batch, task)
        return GuardedMemory(inner=inner, guard=self.safety.begin(batch, self.spec, inner.device))

    def act(self, memory: GuardedMemory, since: Past, *, noise: Noise | None = None) -> tuple[GuardedMemory, Actions]:
        """The policy's actions, made safe."""
        inner, actions = self.policy.act(memory.inner, since, noise=noise)
        guard, actions = self.safety.apply(memory.guard, since, actions, self.spec)
        return GuardedMemory(inner=inner, guard=guard), actions


def _executed(guard: Guard, actions: Actions) -> Guard:
    """Take note of the last action that was executed."""
    assert actions.low_level is not None
    valid = actions.valid.flatten(1)
    index = torch.where(valid, torch.arange(valid.shape[1], device=valid.device), -1).amax(1)
    last = actions.low_level.flatten(1, 2).take_along_dim(index.clamp(min=0)[:, None, None], 1)[:, 0]
    moved = index >= 0
    return dataclasses.replace(guard, last=torch.where(moved[:, None], last, guard.last), moved=guard.moved | moved)


def _slowed(low_level: Float[Tensor, "B T R A"], valid: Bool[Tensor, "B T R"], guard: Guard, largest: Float[Tensor, "A"]) -> Float[Tensor, "B T R A"]:
    """Each action within `largest` of the one executed before it; the very first is free."""
    last, moved, slowed = guard.last, guard.moved, []
    for action, real in zip(low_level.flatten(1, 2).unbind(1), valid.flatten(1).unbind(1), strict=True):
        near = torch.where(moved[:, None], action.clamp(last - largest, last + largest), action)
        last, moved = torch.where(real[:, None], near, last), moved | real
        slowed.append(near)
    return torch.stack(slowed, 1).view_as(low_level)
