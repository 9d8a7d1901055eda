"""Gradient descent on the actions, through the model: Adam (Kingma & Ba 2015) from several starts, projected onto the limits.

Needs a model whose spec says `differentiable`. One step costs about three predictions of as many candidates as there are starts.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from wam.plan.planners.search import Best, evaluate, first_guess, given, require_counts, sample
from wam.world import Noise, Plan, PlanningProblem


@dataclass(frozen=True)
class Gradient:
    """Adam from the first guess, the proposals and random starts. Returns the best sequence seen."""

    starts: int = 8  # sequences that descend side by side, the first guess and the proposals among them
    steps: int = 40  # of descent
    rate: float = 0.2  # step size at first, as a share of half the action range; falls linearly towards 0
    spread: float = 0.5  # standard deviation of the random starts around the first guess, as a share of half the range
    colour: float = 1.0  # exponent of the starts over time: 0 white, 2 smooth
    memory: tuple[float, float] = (0.9, 0.99)  # Adam's decay of the gradient's mean and mean square

    def __post_init__(self) -> None:
        require_counts(self, starts=self.starts, steps=self.steps)

    @torch.no_grad()
    def plan(self, problem: PlanningProblem, *, warm: Plan | None, noise: Noise) -> Plan:
        """Descend in each row of the problem on its own."""
        guess = first_guess(problem, warm)
        proposed = given(problem, self.starts - 1)
        count = self.starts - 1 - proposed.shape[1]
        others = sample(noise, problem, count, guess, torch.full_like(guess, self.spread), self.colour)
        units = torch.cat([guess[:, None], proposed, others], 1)
        slope, square, best = torch.zeros_like(units), torch.zeros_like(units), Best.none(guess)
        for step in range(self.steps):
            cost, gradient = _descend(problem, units)
            best = best.improved(units, cost)
            slope = slope.lerp(gradient, 1 - self.memory[0])
            square = square.lerp(gradient.square(), 1 - self.memory[1])
            unbiased_slope = slope / (1 - self.memory[0] ** (step + 1))
            unbiased_square = square / (1 - self.memory[1] ** (step + 1))
            rate = self.rate * (1 - step / self.steps)
            units = (units - rate * unbiased_slope / (unbiased_square.sqrt() + 1e-12)).clamp(-1, 1)
        best = best.improved(units, evaluate(problem, units))
        return best.plan(problem, units.std(1, correction=0))


def _descend(problem: PlanningProblem, units: Tensor) -> tuple[Tensor, Tensor]:
    """Costs "B S" and their gradient with respect to the candidates; gradients that are not finite become 0."""
    with torch.enable_grad():
        units = units.detach().requires_grad_()
        cost = evaluate(problem, units)
        if not cost.requires_grad:
            raise ValueError(
                "the cost does not depend on the actions differentiably: the model's spec should say differentiable = False (plan with CEM then), "
                "or the model detaches on the way, or planning runs under torch.inference_mode (use torch.no_grad)."
            )
        (gradient,) = torch.autograd.grad(torch.where(cost.isfinite(), cost, 0).sum(), units)
    return cost.detach(), torch.where(gradient.isfinite(), gradient, 0)
