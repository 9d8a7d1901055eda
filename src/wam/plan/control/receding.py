"""Receding horizon: observe, plan H steps ahead, execute the first few, plan again from the old plan, shifted.

Knows: how a world model, a planner and an objective become a policy.   Does not know: which ones they are.
Footgun: a row without any candidate of finite cost has no plan. `Safety` decides what happens then (an error by default).
"""

import dataclasses
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wam.plan.control.precision import autocast
from wam.plan.control.safety import Guard, Safety
from wam.plan.objectives import Objective
from wam.plan.problem import Problem
from wam.world import Actions, ActionSpec, Noise, Past, Plan, Planner, PolicySpec, Proposes, Record, SpecError, Task, WorldModel, record, require_noise


@record
class PlanningMemory(Record):
    """What is carried from decision to decision."""

    carry: Record  # of the world model
    goal: Record  # encoded once
    warm: Plan  # the last plan, as it was made
    guard: Guard


class RecedingHorizon:
    """A policy that plans in a world model."""

    def __init__(
        self,
        model: WorldModel[Any],
        planner: Planner,
        objective: Objective[Any],
        *,
        horizon: int,
        execute: int = 1,
        acts: ActionSpec | None = None,
        safety: Safety | None = None,
        futures: Literal["mode", "shared", "own"] = "mode",
        proposals: int = 0,
        exploring: bool = False,
        at_once: int | None = None,
        bf16: bool = False,
    ) -> None:
        """`horizon`: H, model steps looked ahead; `execute`: of them executed before the next plan.
        `acts`: limits of the search where they are tighter than the model's, e.g. `Statistics.within`.

        `futures`, for stochastic models: every candidate meets the mode, one sampled chance per row, or chance of its own.
        `proposals`: candidates that the model itself proposes, where it declares `Proposes`. `exploring`: act with the spread that
        is left at the end of the search, for collecting.
        `at_once`: rows (B x S) given to the model at once, None = all. `bf16`: predict in bfloat16, where the machine has it.
        """
        if not 1 <= execute <= horizon:
            raise SpecError(f"{execute} steps of a horizon of {horizon} cannot be executed. Set 1 <= execute <= horizon.")
        if proposals and not isinstance(model, Proposes):
            raise SpecError(f"{type(model).__name__} does not declare Proposes, so it cannot make {proposals} proposals. Pass proposals=0.")
        self.proposals, self.exploring = proposals, exploring
        self.model, self.planner, self.objective, self.safety = model, planner, objective, safety or Safety()
        self.horizon, self.acts, self.futures, self.at_once, self.bf16 = horizon, acts, futures, at_once, bf16
        self.spec = PolicySpec(
            observes=model.spec.observes,
            acts=model.spec.consumes,
            chunk=horizon,
            execute=execute,
            rate=model.spec.rate,
            instructed=model.spec.instructed,
            sentences=model.spec.sentences,
            goal_conditioned=objective.goal_conditioned,
        )

    @torch.no_grad()
    def begin(self, batch: int, task: Task) -> PlanningMemory:
        """Encodes the goal; no plan yet."""
        carry: Record = self.model.begin(batch, task)
        device = carry.device
        cold = torch.zeros(batch, self.horizon, self.spec.acts.per_step, len(self.spec.acts.low_level), device=device)
        nothing = Plan(actions=cold, cost=cold.new_zeros(batch), spread=cold, valid=torch.zeros(batch, dtype=torch.bool, device=device))
        guard = self.safety.begin(batch, self.spec, device)
        return PlanningMemory(carry=carry, goal=self.objective.prepare(self.model, task), warm=nothing, guard=guard)

    @torch.no_grad()
    def act(self, memory: PlanningMemory, since: Past, *, noise: Noise | None = None) -> tuple[PlanningMemory, Actions]:
        """Plan from what was seen since. Returns the whole plan, H actions."""
        noise = require_noise(noise, "RecedingHorizon")
        chance = None if self.futures == "mode" else noise
        carry = self.model.observe(memory.carry, since, noise=chance.fork("observe") if chance is not None else None)
        problem = Problem(
            model=self.model,
            carry=carry,
            objective=self.objective,
            goal=memory.goal,
            horizon=self.horizon,
            noise=chance.fork("predict") if chance is not None else None,
            own_noise=self.futures == "own",
            acts=self.acts,
            at_once=self.at_once,
            proposals=self._propose(carry, noise.fork("propose")),
        )
        with autocast(carry.device, bf16=self.bf16):
            plan = self.planner.plan(problem, warm=shifted(memory.warm, _steps(since)), noise=noise.fork("plan"))
        chosen = self._explored(plan, noise.fork("explore")) if self.exploring else plan.actions
        low_level = torch.where(plan.valid[:, None, None, None], chosen, torch.nan)  # no finite cost: no plan
        actions = Actions(valid=torch.ones_like(low_level[..., 0], dtype=torch.bool), low_level=low_level)
        guard, actions = self.safety.apply(memory.guard, since, actions, self.spec)
        return dataclasses.replace(memory, carry=carry, warm=plan, guard=guard), actions

    def _propose(self, carry: Record, noise: Noise) -> Float[Tensor, "B S H R A"] | None:
        """What the model would do by itself."""
        return self.model.propose(carry, self.proposals, self.horizon, noise=noise) if self.proposals and isinstance(self.model, Proposes) else None

    def _explored(self, plan: Plan, noise: Noise) -> Float[Tensor, "B H R A"]:
        """The plan with noise as wide as the search still was, within the limits."""
        if plan.spread is None:
            raise SpecError(f"{type(self.planner).__name__} leaves no spread to explore with. Explore with CEM, iCEM or MPPI, or with a policy that explores.")
        low, high = (self.acts or self.model.spec.consumes).limits(plan.actions.device)
        return (plan.actions + plan.spread * noise.normal(*plan.actions.shape[1:])).clamp(low, high)


def shifted(plan: Plan, steps: Int[Tensor, "B"]) -> Plan:
    """The plan `steps` later, row by row; its last action is repeated at the end. A plan that is used up is not valid."""
    horizon = plan.actions.shape[1]
    index = (torch.arange(horizon, device=steps.device) + steps[:, None]).clamp(max=horizon - 1)
    later = plan.map(lambda axes, leaf: leaf.take_along_dim(index[:, :, None, None], 1) if "H" in axes else leaf)
    return dataclasses.replace(later, valid=plan.valid & (steps < horizon))


def _steps(since: Past) -> Int[Tensor, "B"]:
    """How many steps were executed since the last decision."""
    return since.actions.valid.any(-1).sum(1)
