"""Random shooting: many uniform sequences, the best one wins. The yardstick for every other planner."""

import math
from dataclasses import dataclass

import torch

from wam.plan.planners.search import Best, evaluate, first_guess, given, require_counts
from wam.world import Noise, Plan, PlanningProblem


@dataclass(frozen=True)
class RandomShooting:
    """Uniform within the limits; the warm plan and the proposals are candidates too."""

    samples: int = 1000  # S, candidates

    def __post_init__(self) -> None:
        require_counts(self, samples=self.samples)

    @torch.no_grad()
    def plan(self, problem: PlanningProblem, *, warm: Plan | None, noise: Noise) -> Plan:
        """Search each row of the problem on its own."""
        guess = first_guess(problem, warm)
        proposed = given(problem, self.samples - 1)
        drawn = noise.uniform(1, self.samples - 1 - proposed.shape[1], *guess.shape[1:], dtype=guess.dtype)[:, 0]
        candidates = torch.cat([guess[:, None], proposed, 2 * drawn - 1], 1)
        best = Best.none(guess).improved(candidates, evaluate(problem, candidates))
        return best.plan(problem, torch.full_like(guess, 1 / math.sqrt(3)))
