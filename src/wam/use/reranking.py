"""A frozen policy made better by a world model while it acts (GPC, arXiv 2502.00622): nothing is trained.

The policy draws K chunks of actions from K draws of its noise; the model imagines what each leads to; the objective judges.
  "rank"  the best of K is executed                                                    (GPC-RANK)
  "opt"   the policy's own chunk goes M gradient steps downhill, through the model     (GPC-OPT)
  "both"  all K go downhill, the best is executed                                      (GPC-RANK+OPT)
The first of the K is exactly what the policy would have done by itself, and it is executed where no chunk has a finite cost.

    policy = Reranking(base, model, GoalImage(), mode="rank", draws=16)                # seconds per decision: see rollout
    ceiling = Reranking(base, TrueModel(env, make), Reward(), mode="rank", draws=16)

Knows: the problem and the planners of `wam.plan`.   Does not know: which policy, which model.
Footguns: the policy must act on what it is shown (one that reads a simulator has no rows for K candidates), and what it remembers
is what its first draw left. Gradients find what the model gets wrong: OPT with many steps leaves what the model was trained on.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from wam.plan import Gradient, Objective, Problem
from wam.plan.control.precision import autocast
from wam.plan.planners.search import take
from wam.world import (
    Actions,
    Noise,
    ObservationSpec,
    Past,
    Plan,
    Planner,
    PlanningProblem,
    Policy,
    PolicySpec,
    Record,
    SpecError,
    Task,
    WorldModel,
    record,
    require_noise,
)

Mode = Literal["rank", "opt", "both"]
DESCENT = Gradient(steps=20, rate=0.1)  # careful: a refined chunk stays near the policy's


@dataclass(frozen=True)
class BestProposal:
    """A planner that searches nothing: the best of the proposals, as it was proposed. SpecError where there are none."""

    @torch.no_grad()
    def plan(self, problem: PlanningProblem, *, warm: Plan | None, noise: Noise) -> Plan:
        """Warm starts are not looked at."""
        if problem.proposals is None:
            raise SpecError("BestProposal chooses among proposals, and the problem has none. Pass Problem(proposals=...), e.g. chunks of a policy.")
        cost = problem.cost(problem.proposals)
        lowest, index = cost.where(cost.isfinite(), torch.inf).min(1)
        return Plan(actions=take(problem.proposals, index[:, None])[:, 0], cost=lowest, valid=lowest.isfinite())


@record
class RerankingMemory(Record):
    """Of the policy, of the model, and what is wanted."""

    policy: Record
    carry: Record
    goal: Record


class Reranking:
    """See the module's docstring. Chunks are imagined whole and executed as far as the policy says; `descent`: how OPT goes downhill, its starts aside."""

    def __init__(
        self,
        policy: Policy[Any],
        model: WorldModel[Any],
        objective: Objective[Any],
        *,
        mode: Mode = "rank",
        draws: int = 16,
        descent: Gradient = DESCENT,
        bf16: bool = False,
    ) -> None:
        """`bf16`: imagine in bfloat16, where the machine has it. SpecError where policy and model do not fit each other, or there is nothing to choose from."""
        mine, theirs = policy.spec, model.spec
        if draws < 1:
            raise SpecError(f"Reranking got draws = {draws}, expected at least 1 chunk. 1 is the policy by itself, refined where the mode says so.")
        require_fit(policy, model, mode)
        self.policy, self.model, self.objective = policy, model, objective
        self.mode, self.draws, self.bf16 = mode, 1 if mode == "opt" else draws, bf16
        self.planner: Planner = BestProposal() if mode == "rank" else replace(descent, starts=self.draws)
        self.spec = PolicySpec(
            observes=_both(mine.observes, theirs.observes),
            acts=mine.acts,
            chunk=mine.chunk,
            execute=mine.execute,
            rate=mine.rate,
            instructed=mine.instructed or theirs.instructed,
            sentences=mine.sentences if mine.instructed else theirs.sentences,
            goal_conditioned=mine.goal_conditioned or objective.goal_conditioned,
        )

    @torch.no_grad()
    def begin(self, batch: int, task: Task) -> RerankingMemory:
        """Encodes the goal."""
        goal = self.objective.prepare(self.model, task)
        return RerankingMemory(policy=self.policy.begin(batch, task), carry=self.model.begin(batch, task), goal=goal)

    @torch.no_grad()
    def act(self, memory: RerankingMemory, since: Past, *, noise: Noise | None = None) -> tuple[RerankingMemory, Actions]:
        """The best chunk. All candidates of a row meet the same chance in a stochastic model."""
        noise = require_noise(noise, "Reranking")
        chance = noise.fork("imagine") if self.model.spec.stochastic else None
        carry = self.model.observe(memory.carry, since, noise=chance.fork("observe") if chance is not None else None)
        drawn, chunks = self.policy.act(memory.policy.repeat(self.draws), since.repeat(self.draws), noise=_draws(noise, self.draws))
        proposals = self._within_limits(chunks)
        problem = Problem(
            model=self.model,
            carry=carry,
            objective=self.objective,
            goal=memory.goal,
            horizon=proposals.shape[2],
            noise=chance.fork("predict") if chance is not None else None,
            acts=self.spec.acts,
            proposals=proposals if self.mode == "rank" else proposals[:, 1:] if self.draws > 1 else None,
        )
        own = proposals[:, 0]
        first = Plan(actions=own, cost=own.new_zeros(len(own)), valid=torch.ones(len(own), dtype=torch.bool, device=own.device))
        with autocast(own.device, bf16=self.bf16):
            plan = self.planner.plan(problem, warm=first, noise=noise.fork("plan"))
        low_level = torch.where(plan.valid[:, None, None, None], plan.actions, own)
        rows = torch.arange(0, len(own) * self.draws, self.draws, device=own.device)
        kept = RerankingMemory(policy=drawn.select(rows), carry=carry, goal=memory.goal)
        return kept, Actions(valid=chunks.valid.unflatten(0, (-1, self.draws))[:, 0], low_level=low_level)

    def _within_limits(self, chunks: Actions) -> Float[Tensor, "B K H R A"]:
        if chunks.low_level is None:
            raise SpecError(f"{type(self.policy).__name__} returned no low-level actions; only those can be imagined and compared here.")
        low, high = self.spec.acts.limits(chunks.low_level.device, chunks.low_level.dtype)
        proposals: Tensor = chunks.low_level.clamp(low, high).unflatten(0, (-1, self.draws))
        return proposals


def _draws(noise: Noise, count: int) -> Noise:
    """`count` sequences per row; the first is the row's own."""
    seed = noise.spread(count).seed.view(-1, count).clone()
    seed[:, 0] = noise.seed
    return Noise(seed=seed.flatten(), step=noise.step.repeat_interleave(count), stream=noise.stream)


def _both(one: ObservationSpec, two: ObservationSpec) -> ObservationSpec:
    """What either of them sees. SpecError where the same name means two things."""
    unlike = [name for name in one.cameras.keys() & two.cameras.keys() if one.cameras[name] != two.cameras[name]]
    if one.proprio and two.proprio and one.proprio != two.proprio:
        unlike.append("proprioception")
    if unlike or (one.points and two.points and one.points != two.points):
        raise SpecError(f"policy and model see {unlike or 'points'} differently, so one world cannot show it to both. Train both on one data set.")
    more = one if one.points else two
    return replace(more, cameras={**one.cameras, **two.cameras}, proprio=one.proprio or two.proprio)


def _told(slots: tuple[Any, ...]) -> list[str]:
    return [slot.name for slot in slots]


def require_fit(policy: Policy[Any], model: WorldModel[Any], mode: Mode) -> None:
    """SpecError where a policy's chunks cannot be imagined by a model, or not refined where the mode asks for that."""
    mine, theirs = policy.spec, model.spec
    if mine.acts != theirs.consumes or abs(mine.rate - theirs.rate) > 1e-6 * theirs.rate:
        raise SpecError(
            f"the policy acts with {_told(mine.acts.low_level)}, R = {mine.acts.per_step} at {mine.rate:.3g} Hz, {type(model).__name__} consumes "
            f"{_told(theirs.consumes.low_level)}, R = {theirs.consumes.per_step} at {theirs.rate:.3g} Hz. Train both at one clock (wam train --skip)."
        )
    if mine.instructed and theirs.instructed and mine.sentences != theirs.sentences:
        raise SpecError(f"instruction ids mean {mine.sentences[:3]}... to the policy and {theirs.sentences[:3]}... to the model. Use one table.")
    if mine.chunk % theirs.chunk:
        raise SpecError(f"the policy's chunks have {mine.chunk} actions, {type(model).__name__} predicts {theirs.chunk} steps at once. Use a multiple.")
    if mode != "rank" and not theirs.differentiable:
        raise SpecError(f"{type(model).__name__} gives no gradients (spec.differentiable = False), so chunks cannot be refined. Use mode='rank'.")
