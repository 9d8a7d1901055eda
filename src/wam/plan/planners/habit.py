"""No search: do what the model proposes first. What is left of a planner when its planning is turned off."""

from dataclasses import dataclass

import torch

from wam.plan.planners.search import Best, evaluate, to_units
from wam.world import Noise, Plan, PlanningProblem, SpecError


@dataclass(frozen=True)
class Habit:
    """The first proposal. SpecError where there is none."""

    spread: float = 0.2  # standard deviation to explore with, as a share of half the action range

    @torch.no_grad()
    def plan(self, problem: PlanningProblem, *, warm: Plan | None, noise: Noise) -> Plan:
        """Warm starts are not looked at."""
        if problem.proposals is None:
            raise SpecError("Habit follows the model's proposals, and the problem has none. Use a model that declares Proposes, with proposals=1 or more.")
        first = to_units(problem, problem.proposals[:, :1])
        best = Best.none(first[:, 0]).improved(first, evaluate(problem, first))
        return best.plan(problem, torch.full_like(best.units, self.spread))
