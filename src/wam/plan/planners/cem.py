"""The cross-entropy method (Rubinstein 1999; for planning with learned models: PlaNet, Hafner et al. 2019).

Sample sequences around a mean, keep the best few, refit mean and spread to them, repeat.
"""

from dataclasses import dataclass

import torch

from wam.plan.planners.search import Best, evaluate, first_guess, first_spread, given, refit, require_counts, sample, take
from wam.world import Noise, Plan, PlanningProblem


@dataclass(frozen=True)
class CEM:
    """Gaussian per action and step, refitted to the elites. Returns the best sequence seen, the final mean included."""

    samples: int = 300  # S, candidates per iteration
    iterations: int = 10
    elites: int = 30  # best candidates, to which mean and spread are refitted
    spread: float = 0.5  # standard deviation at the start, as a share of half the action range
    warm_spread: float = 0.25  # the same for rows that start from their previous plan
    floor: float = 0.02  # smallest standard deviation
    momentum: float = 0.1  # share of the old mean and spread that is kept
    colour: float = 0.0  # exponent of the noise over time: 0 white, 2 smooth

    def __post_init__(self) -> None:
        require_counts(self, samples=self.samples, iterations=self.iterations, elites=self.elites)

    @torch.no_grad()
    def plan(self, problem: PlanningProblem, *, warm: Plan | None, noise: Noise) -> Plan:
        """Search each row of the problem on its own."""
        mean = first_guess(problem, warm)
        spread = first_spread(mean, warm, self.spread, self.warm_spread)
        proposed, best = given(problem, self.samples - 1), Best.none(mean)
        for iteration in range(self.iterations):
            count = self.samples - 1 - proposed.shape[1]
            sampled = sample(noise.fork(f"iteration {iteration}"), problem, count, mean, spread, self.colour)
            candidates = torch.cat([mean[:, None], proposed, sampled], 1)
            cost = evaluate(problem, candidates)
            best = best.improved(candidates, cost)
            elite_cost, index = cost.topk(self.elites, dim=1, largest=False)
            elite_mean, elite_spread = refit(take(candidates, index), elite_cost.isfinite().to(mean.dtype), mean, spread)
            mean = elite_mean.lerp(mean, self.momentum)
            spread = elite_spread.lerp(spread, self.momentum).clamp(min=self.floor)
        best = best.improved(mean[:, None], evaluate(problem, mean[:, None]))
        return best.plan(problem, spread)
