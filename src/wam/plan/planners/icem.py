"""Improved cross-entropy method (Pinneri et al. 2020, "Sample-efficient cross-entropy method for real-time planning").

CEM with coloured noise, fewer samples in later iterations, elites that stay among the candidates, and the mean as a
candidate of the last iteration. The elites of the previous decision enter through the warm plan, which is the best of them.
"""

from dataclasses import dataclass

import torch

from wam.plan.planners.search import Best, evaluate, first_guess, first_spread, given, refit, require_counts, sample, take
from wam.world import Noise, Plan, PlanningProblem


@dataclass(frozen=True)
class ICEM:
    """CEM for few samples. Returns the best sequence seen."""

    samples: int = 200  # S, new candidates in the first iteration
    iterations: int = 8
    elites: int = 20  # best candidates, to which mean and spread are refitted
    keep: float = 0.3  # share of the elites that stay among the next iteration's candidates
    decay: float = 1.25  # the number of new candidates is divided by this after each iteration, down to twice the elites
    spread: float = 0.5  # standard deviation at the start, as a share of half the action range
    warm_spread: float = 0.25  # the same for rows that start from their previous plan
    floor: float = 0.02  # smallest standard deviation
    momentum: float = 0.1  # share of the old mean and spread that is kept
    colour: float = 2.0  # exponent of the noise over time: 0 white, 2 smooth

    def __post_init__(self) -> None:
        require_counts(self, samples=self.samples, iterations=self.iterations, elites=self.elites)

    @torch.no_grad()
    def plan(self, problem: PlanningProblem, *, warm: Plan | None, noise: Noise) -> Plan:
        """Search each row of the problem on its own."""
        mean = first_guess(problem, warm)
        spread = first_spread(mean, warm, self.spread, self.warm_spread)
        kept, best = given(problem, self.samples - 1), Best.none(mean)
        for iteration in range(self.iterations):
            count = max(int(self.samples / self.decay**iteration), 2 * self.elites)
            sampled = sample(noise.fork(f"iteration {iteration}"), problem, count, mean, spread, self.colour)
            centre = mean[:, None] if iteration in (0, self.iterations - 1) else mean[:, None][:, :0]
            candidates = torch.cat([centre, kept, sampled], 1)
            cost = evaluate(problem, candidates)
            best = best.improved(candidates, cost)
            elite_cost, index = cost.topk(self.elites, dim=1, largest=False)
            elites = take(candidates, index)
            elite_mean, elite_spread = refit(elites, elite_cost.isfinite().to(mean.dtype), mean, spread)
            mean = elite_mean.lerp(mean, self.momentum)
            spread = elite_spread.lerp(spread, self.momentum).clamp(min=self.floor)
            kept = elites[:, : int(self.keep * self.elites)]
        return best.plan(problem, spread)
