"""Conformance of a planner to `wam.world.Planner`, on small problems with a known optimum.

It says nothing about how good a planner is, only that it searches where it may, row by row, and finds something better than
standing in the middle.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wam.check import samples
from wam.check.compare import record_difference
from wam.check.problems import Bowl, bowl
from wam.check.report import Report
from wam.check.runner import CheckFailed, run_checks
from wam.world import Noise, Plan

ROWS = 5
MARGIN = 1e-5  # by which limits may be missed, as a share of the range: rounding


@dataclass(frozen=True)
class PlannerSubject:
    """A planner under test."""

    planner: Any
    device: torch.device

    def noise(self, seed: int = 0) -> Noise:
        """A sequence per row."""
        return samples.noise(seed, ROWS, self.device)

    def plan(self, problem: Bowl, warm: Plan | None = None, seed: int = 0) -> Plan:
        """One call of the planner."""
        made: Plan = self.planner.plan(problem, warm=warm, noise=self.noise(seed))
        return made


def plan_fits_the_problem(subject: PlannerSubject) -> None:
    """plan returns a Plan: actions "B H R A", cost "B", valid "B", all finite, valid everywhere on an easy problem."""
    problem = bowl(subject.device)
    plan = subject.plan(problem)
    if not isinstance(plan, Plan):
        raise CheckFailed(f"a {type(plan).__name__}", "plan returns something of its own.", "Return wam.world.Plan(actions=, cost=, spread=, valid=).")
    plan.check()
    wanted = tuple(problem.target.shape)
    shapes = {name: tuple(value.shape) for name in ("actions", "spread") if (value := getattr(plan, name)) is not None}
    if any(shape != wanted for shape in shapes.values()) or plan.cost.shape != (ROWS,):
        raise CheckFailed(f"{shapes}, cost {tuple(plan.cost.shape)}", "Another axis order, or only the first action.", f"The problem has B H R A = {wanted}.")
    if not bool(plan.actions.isfinite().all() and plan.cost.isfinite().all() and plan.valid.all()):
        raise CheckFailed(
            f"cost {plan.cost.tolist()}, valid {plan.valid.tolist()}",
            "A spread that became NaN, or rows marked as failed.",
            "Refit with a floor for the spread.",
        )


def plans_stay_within_the_limits(subject: PlannerSubject) -> None:
    """No plan and no candidate leaves low..high, even where the optimum lies beyond."""
    problem = bowl(subject.device, beyond=3.0)
    plan = subject.plan(problem)
    span = problem.high - problem.low
    for name, actions in (("the plan", plan.actions), *(("a candidate", asked) for asked in problem.asked)):
        excess = torch.maximum(problem.low - actions, actions - problem.high) / span
        if not bool((excess <= MARGIN).all()):
            raise CheckFailed(
                f"{name} leaves the limits by {float(excess.max()):.2g} of the range",
                "Samples are not clamped, or clamped to -1..1 instead of the problem's low..high.",
                "Clamp candidates before they are evaluated; do not let the mean leave the box.",
            )


def plans_improve_on_the_middle(subject: PlannerSubject) -> None:
    """In every row the plan costs less than the middle of the range, where a search starts."""
    problem = bowl(subject.device)
    plan = subject.plan(problem)
    found, middle = problem.of(plan.actions), problem.middle()
    if not bool((found < middle).all()):
        raise CheckFailed(
            f"costs {_short(found)}, the middle costs {_short(middle)}, the optimum 0",
            "The search goes uphill (lower is better), ends before it begins, or plans are in normalised units.",
            "Minimise, return the best sequence found, and convert to physical units once.",
        )


def cost_is_that_of_the_plan(subject: PlannerSubject) -> None:
    """plan.cost is what the problem says about plan.actions."""
    problem = bowl(subject.device)
    plan = subject.plan(problem)
    told, found = plan.cost, problem.of(plan.actions)
    if not bool(((told - found).abs() <= 1e-4 * (1 + found.abs())).all()):
        raise CheckFailed(
            f"it says {_short(told)}, the problem says {_short(found)}",
            "The cost of one sequence is returned with the actions of another (the best candidate's with the mean's), or before clamping.",
            "Evaluate what is returned.",
        )


def same_noise_same_plan(subject: PlannerSubject) -> None:
    """The same problem and noise give the same plan, bit for bit, whatever torch's global generator says."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        one = subject.plan(bowl(subject.device))
        torch.manual_seed(2)
        two = subject.plan(bowl(subject.device))
    if found := record_difference(one, two, exact=True):
        raise CheckFailed(
            f"two runs differ: {found}",
            "Candidates come from torch's global generator, or the planner remembers its last search.",
            "Draw from noise.normal(...); a warm start comes in as `warm`.",
        )


def rows_do_not_mix(subject: PlannerSubject) -> None:
    """Another target in row 0 leaves the plans of the other rows bit-identical."""
    problem, other = bowl(subject.device), bowl(subject.device)
    other.target[0] = -other.target[0]
    rest = torch.arange(1, ROWS, device=subject.device)
    if found := record_difference(subject.plan(problem).select(rest), subject.plan(other).select(rest), exact=True):
        raise CheckFailed(
            f"(row numbers without row 0) {found}",
            "Elites, a baseline or a stopping rule are taken over the whole batch.",
            "Sort, refit and stop in each row on its own.",
        )


def rows_can_be_permuted(subject: PlannerSubject) -> None:
    """A permuted problem gives permuted plans."""
    order = torch.tensor([3, 0, 4, 1, 2], device=subject.device)
    problem, other = bowl(subject.device), bowl(subject.device)
    other.target = other.target[order]
    plan: Plan = subject.planner.plan(other, warm=None, noise=subject.noise().select(order))
    if found := record_difference(subject.plan(problem).select(order), plan, exact=False):
        raise CheckFailed(
            f"the permuted problem gave something else: {found}",
            "Samples depend on where a row stands, not on its noise; or one row's samples are used for all.",
            "Draw each row's candidates from its own noise.",
        )


def warm_start_is_used_where_valid(subject: PlannerSubject) -> None:
    """A warm plan is used in valid rows and costs no more there; rows that are not valid start cold."""
    cold = subject.plan(bowl(subject.device))
    problem = bowl(subject.device)
    valid = torch.arange(ROWS, device=subject.device) % 2 == 0
    warm = Plan(actions=problem.best(), cost=torch.zeros(ROWS, device=subject.device), spread=cold.spread, valid=valid)
    plan = subject.plan(problem, warm)
    if found := record_difference(plan.select(~valid), cold.select(~valid), exact=False):
        raise CheckFailed(
            f"rows with warm.valid = False did not start cold: {found}",
            "The warm plan is taken for all rows.",
            "torch.where(warm.valid, warm, cold start), for the mean and for the spread.",
        )
    used, middle = problem.of(plan.actions)[valid], problem.middle()[valid]
    if not bool((used < 0.25 * middle).all()) or torch.equal(plan.actions[valid], cold.actions[valid]):
        raise CheckFailed(
            f"started at the optimum (cost 0), valid rows ended at {_short(used)}; cold they end at {_short(cold.cost[valid])}",
            "The warm plan is ignored, or read in other units than it is returned in.",
            "Start the search at warm.actions (physical units).",
        )


def problem_is_only_read(subject: PlannerSubject) -> None:
    """Neither the problem (limits, proposals) nor the warm plan is written to."""
    problem, fresh = bowl(subject.device), bowl(subject.device)
    proposals = fresh.best()[:, None].repeat(1, 3, 1, 1, 1)
    problem.proposals = proposals.clone()
    valid = torch.ones(ROWS, dtype=torch.bool, device=subject.device)
    start = Plan(actions=0.5 * (fresh.best() + fresh.low), cost=torch.ones(ROWS, device=subject.device), spread=None, valid=valid)
    warm = start.clone()
    subject.plan(problem, warm)
    watched: list[tuple[str, Tensor, Tensor]] = [
        ("problem.low", problem.low, fresh.low),
        ("problem.high", problem.high, fresh.high),
        ("problem.proposals", problem.proposals, proposals),
        ("warm.actions", warm.actions, start.actions),
        ("warm.valid", warm.valid, start.valid),
    ]
    if changed := [name for name, now, was in watched if not torch.equal(now, was) or now._version]:
        raise CheckFailed(f"it wrote to {changed}", "An operation in place (+=, clamp_, roll into the same memory).", "Work on clones.")


def candidates_that_cost_nan_are_avoided(subject: PlannerSubject) -> None:
    """Where some candidates cost NaN, the plan is finite, costs a finite amount and improves on the middle."""
    problem = bowl(subject.device, hole=0.85)
    plan = subject.plan(problem)
    found = problem.of(plan.actions)
    if not bool(plan.actions.isfinite().all() and plan.cost.isfinite().all() and (found < problem.middle()).all()):
        raise CheckFailed(
            f"costs {_short(found)}, the middle costs {_short(problem.middle())}",
            "NaN sorts as the best or spreads through a weighted mean.",
            "cost.nan_to_num(inf) before choosing, and weights of zero for what is not finite.",
        )


ESSENTIAL: tuple[Callable[[PlannerSubject], None], ...] = (plan_fits_the_problem, same_noise_same_plan)

CHECKS: tuple[Callable[[PlannerSubject], None], ...] = (
    plans_stay_within_the_limits,
    plans_improve_on_the_middle,
    cost_is_that_of_the_plan,
    rows_do_not_mix,
    rows_can_be_permuted,
    warm_start_is_used_where_valid,
    problem_is_only_read,
    candidates_that_cost_nan_are_avoided,
)


def check_planner(planner: Any, *, device: torch.device | str = "cpu", name: str = "") -> Report:
    """Check a planner on problems that lie on `device`."""
    subject = PlannerSubject(planner, torch.device(device))
    return Report(subject=name or type(planner).__name__, interface="planner", findings=run_checks(subject, ESSENTIAL, CHECKS))


def _short(costs: Tensor) -> list[float]:
    return [round(value, 4) for value in costs.tolist()]
