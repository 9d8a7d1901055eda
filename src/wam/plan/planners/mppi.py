"""Model predictive path integral control (Williams et al. 2017), iterated and on elites as in TD-MPC2 (Hansen et al. 2024).

Every elite pulls the mean towards itself, the cheaper the stronger: weight = exp(-(cost - lowest) / (temperature x scale)).
The scale is the standard deviation of the elites' costs, so that the temperature does not depend on the unit of the cost.
"""

from dataclasses import dataclass

import torch

from wam.plan.planners.search import Best, evaluate, first_guess, first_spread, given, refit, require_counts, sample, take
from wam.world import Noise, Plan, PlanningProblem


@dataclass(frozen=True)
class MPPI:
    """Softly weighted mean of the elites. Returns the best sequence seen, the final mean included."""

    samples: int = 300  # S, candidates per iteration
    iterations: int = 10
    elites: int = 60  # best candidates that are weighted
    temperature: float = 1.0  # softness of the weighting, in standard deviations of the elites' costs
    spread: float = 0.5  # standard deviation at the start, as a share of half the action range
    warm_spread: float = 0.25  # the same for rows that start from their previous plan
    floor: float = 0.02  # smallest standard deviation
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
            mean, spread = refit(take(candidates, index), self._weights(elite_cost), mean, spread)
            spread = spread.clamp(min=self.floor)
        best = best.improved(mean[:, None], evaluate(problem, mean[:, None]))
        return best.plan(problem, spread)

    def _weights(self, cost: torch.Tensor) -> torch.Tensor:
        """Weights "B E" of elites with these costs; infinite costs weigh nothing."""
        finite = cost.isfinite()
        above = torch.where(finite, cost - cost[:, :1], 0)
        count = finite.sum(1, keepdim=True).clamp(min=1)
        scale = (((above - above.sum(1, keepdim=True) / count) * finite).square().sum(1, keepdim=True) / count).sqrt()
        softness = (self.temperature * scale).clamp(min=torch.finfo(cost.dtype).tiny)
        return (-above / softness).exp() * finite
