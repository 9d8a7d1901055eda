"""A planning problem: a world model that imagines, an objective that judges, and the limits in between.

Planners see only limits, proposals and `cost`: "B S H R A" candidate sequences in, "B S" costs out. Here the S candidates of
each row become rows of the model's batch: the carry is repeated, unless the model `shares_context` and takes B carry rows
with B*S action rows.

Knows: candidates, rows, chance.   Does not know: how candidates are found, what the model or the objective are.
"""

from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from wam.plan.objectives import Objective
from wam.world import Actions, ActionSpec, Noise, Record, SpecError, WorldModel

ON_CPU = 1024  # rows whose intermediate results stay in the cache of a processor


@dataclass(kw_only=True)
class Problem:
    """Find low-level actions whose imagined future costs little. `goal` is what `objective.prepare(model, task)` gave."""

    model: WorldModel
    carry: Record  # what the model has seen, B rows
    objective: Objective[Any]
    goal: Record  # B rows
    horizon: int  # H, model steps looked ahead
    noise: Noise | None = None  # chance of the imagined futures, B rows; None = the model's mode or mean
    own_noise: bool = False  # every candidate meets chance of its own; otherwise all of a row meet the same
    acts: ActionSpec | None = None  # limits of the search where they are tighter than the model's
    proposals: Float[Tensor, "B S H R A"] | None = None  # candidates to try, e.g. of a policy
    at_once: int | None = None  # rows (B x candidates) given to the model at once; None = all, on a CPU as many as its cache likes
    dtype: torch.dtype = torch.float32  # of the actions

    batch: int = field(init=False)
    per_step: int = field(init=False)  # R
    low: Float[Tensor, "A"] = field(init=False)
    high: Float[Tensor, "A"] = field(init=False)
    _tiled: dict[int, tuple[Record, Record]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        spec, acts = self.model.spec, self.acts or self.model.spec.consumes
        _require_searchable(acts, spec.consumes, type(self.model).__name__)
        if self.horizon < 1 or self.horizon % spec.chunk:
            raise SpecError(f"horizon {self.horizon} is no multiple of {spec.chunk}, the steps that {type(self.model).__name__} predicts at once.")
        self.batch, self.per_step = self.carry.size("B"), acts.per_step
        self.low, self.high = acts.limits(self.carry.device, self.dtype)
        _require_rows(self.goal, self.batch)

    def cost(self, candidates: Float[Tensor, "B S H R A"]) -> Float[Tensor, "B S"]:
        """Lower is better. Differentiable where model and objective are."""
        count = candidates.shape[1]
        most = ON_CPU if self.at_once is None and candidates.device.type == "cpu" else self.at_once
        width = count if most is None else min(count, max(1, most // self.batch))
        own = self.noise.spread(count) if self.noise is not None and self.own_noise else None
        costs = []
        for start in range(0, count, width):
            part = candidates[:, start : start + width]
            costs.append(self._cost(part, self._noise(own, start, part.shape[1], count)))
        return torch.cat(costs, 1)

    def _cost(self, candidates: Float[Tensor, "B S H R A"], noise: Noise | None) -> Float[Tensor, "B S"]:
        carry, goal = self._tile(candidates.shape[1])
        low_level = candidates.flatten(0, 1)
        actions = Actions(valid=torch.ones(low_level.shape[:-1], dtype=torch.bool, device=low_level.device), low_level=low_level)
        _, future = self.model.predict(carry, actions, noise=noise)
        return self.objective.cost(self.model, goal, future, actions).view(candidates.shape[:2]).to(self.dtype)

    def _tile(self, count: int) -> tuple[Record, Record]:
        """Carry and goal for `count` candidates a row; kept, because every iteration of a planner asks for the same."""
        if count not in self._tiled:
            shared = self.model.spec.shares_context
            self._tiled[count] = (self.carry if shared else self.carry.repeat(count), self.goal.repeat(count))
        return self._tiled[count]

    def _noise(self, own: Noise | None, start: int, width: int, count: int) -> Noise | None:
        """Noise rows of candidates start .. start + width of each row."""
        if self.noise is None:
            return None
        if own is None:
            return self.noise.repeat(width)
        row, candidate = torch.arange(self.batch), torch.arange(start, start + width)
        return own.select((row[:, None] * count + candidate).flatten())


def _require_rows(goal: Record, batch: int) -> None:
    """One row of the goal per row of the carry, whether or not the model shares its context; a goal without rows is free."""
    if any("B" in axes for _, axes, _ in goal.leaves()) and (rows := goal.size("B")) != batch:
        raise SpecError(
            f"the goal has {rows} rows, the carry {batch}, expected one goal per row; the candidates are no rows yet. The goal was probably "
            "prepared for another batch: call objective.prepare(model, task) with the task of these rows, or select() them."
        )


def _require_searchable(acts: ActionSpec, consumes: ActionSpec, who: str) -> None:
    extra = [name for name in ("camera", "keys", "latent", "sentences", "skills") if getattr(consumes, name)]
    if extra or not consumes.low_level:
        raise SpecError(f"{who} consumes {extra or 'no low-level actions'}; the continuous planners search low-level actions only.")
    if acts.per_step != consumes.per_step or len(acts.low_level) != len(consumes.low_level):
        raise SpecError(
            f"the search has {acts.per_step} x {len(acts.low_level)} numbers a step, {who} consumes {consumes.per_step} x {len(consumes.low_level)}."
        )
    if endless := [slot.name for slot in acts.low_level if not (abs(slot.low) < float("inf") and abs(slot.high) < float("inf"))]:
        raise SpecError(f"the action slots {endless} have no limits, so there is no range to search. Give Slot(low=..., high=...) in the spec.")
