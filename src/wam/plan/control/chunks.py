"""Chunks of actions: how many are executed, how overlapping chunks are averaged, and how the next is asked while one runs.

Three policies around a policy whose `spec.chunk` is K:
- `FirstOf`: execute n of K, then ask again.
- `Ensembled`: asked at every step; what up to K chunks say of this step is averaged with weights exp(-m i), i = 0 the oldest
  (Zhao et al., 2304.13705, section IV-B).
- `Asynchronous`: the answer takes d steps. Meanwhile the first d actions of the overlap come from the chunk that runs (the
  frozen prefix); behind it the new chunk takes over at once, or gradually with the soft mask of real-time chunking (Black et
  al., 2506.07339, equation 5), or the policy itself is given the running chunk, where it declares `Continues`.

In a simulated world `Asynchronous` executes what a robot with a delay of d steps would execute; a row's first chunk counts from
its first action, because a robot waits for its first answer.
A step that was not executed starts a new stretch (`actions.valid`): a row forgets what it had planned before.

Slots that are changes (`Slot.relative`) are averaged and joined as paths: a change counts from where its own chunk would be by then,
and another chunk, or a mean, leads elsewhere. What is executed is the way from where the robot is to the joined path. Without that, a
chunk whose first steps are dropped loses the correction that they were.

Knows: low-level actions, steps.   Does not know: wall time, why an answer takes long.
Footguns: averages of quaternions or of a gripper's two positions are no commands. Put `Guarded` outside: what it limits and slows
is what is executed, and chunks that were slowed each by itself still jump where one takes over from another. A number that is not
finite stays in the average for K steps, so put one more inside, without rates, against these.
Averaging assumes that chunks agree: two ways around an obstacle average to a crash.
"""

import dataclasses
import math
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.plan.control.continues import Continues
from wam.world import Actions, ActionSpec, Noise, Past, Policy, PolicySpec, Record, SpecError, Task, record

Join = Literal["cut", "blend", "given"]  # how a new chunk takes over from the one that runs, see `Asynchronous`


class FirstOf:
    """Execute `count` of the K actions of each chunk."""

    def __init__(self, policy: Policy[Any], count: int) -> None:
        if not 1 <= count <= policy.spec.chunk:
            raise SpecError(f"{count} actions of a chunk of {policy.spec.chunk} cannot be executed. Set 1 <= count <= {policy.spec.chunk}.")
        self.policy, self.spec = policy, dataclasses.replace(policy.spec, execute=count)

    def begin(self, batch: int, task: Task) -> Record:
        """As the policy."""
        memory: Record = self.policy.begin(batch, task)
        return memory

    def act(self, memory: Record, since: Past, *, noise: Noise | None = None) -> tuple[Record, Actions]:
        """As the policy."""
        return self.policy.act(memory, since, noise=noise)


@record
class EnsembleMemory(Record):
    """What was said of the coming K steps; the first is the one that comes next."""

    inner: Record
    total: Float[Tensor, "B K R A"]  # weighted sum; of changes, where they lead from here
    weight: Float[Tensor, "B K R"]  # sum of weights
    said: Int[Tensor, "B K R"]  # by how many chunks


class Ensembled:
    """One action per decision: the weighted mean of all chunks that cover this step."""

    def __init__(self, policy: Policy[Any], decay: float = 0.01) -> None:
        """`decay`: m, per chunk; 0 = a plain mean, larger = older chunks count more."""
        _require_low_level(policy.spec, "Ensembled")
        self.policy, self.decay = policy, decay
        self.spec = dataclasses.replace(policy.spec, chunk=1, execute=1)

    def begin(self, batch: int, task: Task) -> EnsembleMemory:
        """Nothing said yet."""
        inner: Record = self.policy.begin(batch, task)
        total = _blank(self.policy.spec, batch, inner.device)
        return EnsembleMemory(inner=inner, total=total, weight=total[..., 0], said=total[..., 0].long())

    def act(self, memory: EnsembleMemory, since: Past, *, noise: Noise | None = None) -> tuple[EnsembleMemory, Actions]:
        """The mean of what was said of this step, now included. Not valid where no chunk had a valid action for it."""
        inner, chunk = self.policy.act(memory.inner, since, noise=noise)
        assert chunk.low_level is not None
        passed, relative = _passed(since, self.policy.spec.chunk), changes(self.spec.acts, since.device)
        said, before = later(memory.said, passed), later(memory.weight, passed)
        own = torch.exp(-self.decay * said) * chunk.valid
        places = along(torch.where(chunk.valid[..., None], chunk.low_level, 0), relative)
        total = later(memory.total, passed) - before[..., None] * moved(since, relative) + own[..., None] * places
        weight = before + own
        mean = total[:, :1] / weight[:, :1, :, None].clamp(min=torch.finfo(weight.dtype).tiny)
        remembered = EnsembleMemory(inner=inner, total=total, weight=weight, said=said + chunk.valid)
        return remembered, Actions(valid=weight[:, :1] > 0, low_level=carried(apart(mean, relative), self.spec.acts))


@record
class RunningMemory(Record):
    """The chunk that runs, from its first executed action on."""

    inner: Record
    planned: Float[Tensor, "B K R A"]
    valid: Bool[Tensor, "B K R"]


class Asynchronous:
    """The next chunk is asked `delay` steps before it is needed."""

    def __init__(self, policy: Policy[Any], *, delay: int, execute: int, join: Join = "blend") -> None:
        """`delay`: d, steps until the answer; `execute`: s >= d, steps between decisions.

        `join`: behind the frozen prefix the new chunk at once ("cut"), gradually ("blend"), or as the policy continues it ("given").
        """
        chunk = policy.spec.chunk
        _require_low_level(policy.spec, "Asynchronous")
        if not (0 <= delay <= execute and 1 <= execute <= chunk - delay):
            raise SpecError(
                f"with {execute} executed steps and a delay of {delay}, a chunk of {chunk} is used up before the next one is there. "
                "Set delay <= execute <= chunk - delay."
            )
        if join == "given" and not isinstance(policy, Continues):
            raise SpecError(f"{type(policy).__name__} does not declare Continues, so it cannot be given the chunk that runs. Set join='blend' or 'cut'.")
        self.policy, self.delay, self.join = policy, delay, join
        self.spec = dataclasses.replace(policy.spec, execute=execute)

    def begin(self, batch: int, task: Task) -> RunningMemory:
        """No chunk runs."""
        inner: Record = self.policy.begin(batch, task)
        planned = _blank(self.spec, batch, inner.device)
        return RunningMemory(inner=inner, planned=planned, valid=planned[..., 0].bool())

    def act(self, memory: RunningMemory, since: Past, *, noise: Noise | None = None) -> tuple[RunningMemory, Actions]:
        """K actions: the frozen prefix, then the new chunk."""
        passed = _passed(since, self.spec.chunk)
        old = Actions(valid=later(memory.valid, passed), low_level=later(memory.planned, passed))
        runs, left = old.valid.any(-1), self.spec.chunk - self.spec.execute
        soft, frozen = (runs * overlap(self.spec.chunk, frozen=self.delay, left=until, device=runs.device) for until in (left, self.delay))
        if self.join == "given" and isinstance(self.policy, Continues):
            assert old.low_level is not None
            inner, new = self.policy.act_on(memory.inner, since, old.low_level, soft, noise=noise)
        else:
            inner, new = self.policy.act(memory.inner, since, noise=noise)
        actions = joined(old, new, soft if self.join == "blend" else frozen, self.spec.acts)
        assert actions.low_level is not None
        return RunningMemory(inner=inner, planned=actions.low_level, valid=actions.valid), actions


def overlap(chunk: int, *, frozen: int, left: int, device: torch.device | str = "cpu") -> Float[Tensor, "K"]:
    """How much of the running chunk stays: 1 for `frozen` steps, falling to 0 where its `left` actions end (2506.07339, eq. 5)."""
    step = torch.arange(chunk, device=device)
    c = ((left - step) / (left - frozen + 1)).clamp(0, 1)
    return torch.where(step < frozen, 1.0, c * torch.expm1(c) / (math.e - 1))


def joined(old: Actions, new: Actions, weight: Float[Tensor, "B K"], acts: ActionSpec, ahead: Float[Tensor, "B 1 1 A"] | None = None) -> Actions:
    """The old action where `weight` is 1, the new one where it is 0 or where there is no old one, a mean in between; of changes, the way between them.

    `ahead`: how far changes have led beyond where the new chunk begins; None = it begins here.
    """
    assert old.low_level is not None and new.low_level is not None
    share, relative = (weight[..., None] * old.valid)[..., None], changes(acts, weight.device)
    gap = along(torch.where(share > 0, old.low_level - new.low_level, 0), relative)  # between the two paths
    gap = share * (gap if ahead is None else gap + relative * ahead)
    low_level = torch.where(share >= 1, old.low_level, carried(new.low_level + apart(gap, relative, ahead), acts))
    return Actions(valid=torch.where(share[..., 0] >= 1, old.valid, new.valid), low_level=low_level)


def changes(acts: ActionSpec, device: torch.device | str = "cpu") -> Bool[Tensor, "A"]:
    """Which slots are changes."""
    return torch.tensor([slot.relative for slot in acts.low_level], device=device)


def carried(actions: Float[Tensor, "B K R A"], acts: ActionSpec) -> Float[Tensor, "B K R A"]:
    """Changes within their limits: what is too much for one, and finite, is left to the next. Other slots as they are."""
    relative, (low, high) = changes(acts, actions.device), acts.limits(actions.device, actions.dtype)
    left, within = torch.zeros_like(actions[:, 0, 0]), []
    for wanted in actions.flatten(1, 2).unbind(1):
        wanted = wanted + left
        within.append(torch.where(relative, wanted.clamp(low, high), wanted))
        left = (wanted - within[-1]).nan_to_num(0, 0, 0)
    return torch.stack(within, 1).view_as(actions)


def along(actions: Float[Tensor, "B K R A"], relative: Bool[Tensor, "A"]) -> Float[Tensor, "B K R A"]:
    """Where changes lead, from where the first begins; other slots as they are."""
    return torch.where(relative, actions.flatten(1, 2).cumsum(1).view_as(actions), actions)


def apart(path: Float[Tensor, "B K R A"], relative: Bool[Tensor, "A"], start: Float[Tensor, "B 1 1 A"] | None = None) -> Float[Tensor, "B K R A"]:
    """The inverse of `along`, from `start` (0) on."""
    before = torch.zeros_like(path[:, :1, :1]) if start is None else start
    return torch.where(relative, path.flatten(1, 2).diff(dim=1, prepend=before.flatten(1, 2)).view_as(path), path)


def moved(since: Past, relative: Bool[Tensor, "A"]) -> Float[Tensor, "B 1 1 A"]:
    """How far changes that were executed have led; 0 in other slots."""
    done = since.actions
    assert done.low_level is not None
    return torch.where(done.valid[..., None] & relative, done.low_level, 0).sum((1, 2), keepdim=True)


def later(ahead: Tensor, steps: Int[Tensor, "B"]) -> Tensor:
    """What was ahead ("B K ..."), `steps` later, row by row; zeros (False) beyond its end."""
    index = torch.arange(ahead.shape[1], device=steps.device) + steps[:, None]
    index = index.view(*index.shape, *[1] * (ahead.ndim - 2))
    moved = ahead.take_along_dim(index.clamp(max=ahead.shape[1] - 1), 1)
    return torch.where(index < ahead.shape[1], moved, torch.zeros_like(moved))


def _passed(since: Past, chunk: int) -> Int[Tensor, "B"]:
    """Steps since the last decision; a whole chunk in rows where one was not executed, so that nothing is left of it."""
    executed = since.actions.valid.any(-1)
    return torch.where(executed.all(1), executed.shape[1], chunk)


def _blank(spec: PolicySpec, batch: int, device: torch.device) -> Float[Tensor, "B K R A"]:
    return torch.zeros(batch, spec.chunk, spec.acts.per_step, len(spec.acts.low_level), device=device)


def _require_low_level(spec: PolicySpec, who: str) -> None:
    if not spec.acts.low_level_alone:
        raise SpecError(f"{who} joins low-level actions only, the policy's spec has other parts or no slots. Wrap the policy that makes the motor commands.")
