"""What the planners share: the unit box that they search in, coloured noise, refitting, and the best sequence so far.

Planners work with numbers in -1..1 ("units": -1 = lowest, 1 = highest action); a spread is a share of half the range.
All of it works row by row: what one row finds never depends on its neighbours in the batch.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.world import Noise, Plan, PlanningProblem, SpecError


def require_counts(planner: object, **counts: int) -> None:
    """For a planner's `__post_init__`: SpecError unless every count is at least 1 and `elites`, where there are any, are at most `samples`."""
    name = type(planner).__name__
    if none := [f"{what} = {count}" for what, count in counts.items() if count < 1]:
        raise SpecError(f"{name} got {', '.join(none)}, expected at least 1: without any there is nothing to search. Raise it.")
    if counts.get("elites", 1) > counts.get("samples", counts.get("elites", 1)):
        raise SpecError(f"{name} got elites = {counts['elites']} of samples = {counts['samples']}, expected at most as many. Raise samples or lower elites.")


def to_physical(problem: PlanningProblem, units: Float[Tensor, "... A"]) -> Float[Tensor, "... A"]:
    """-1..1 to the action's own units; the ends are hit exactly."""
    return torch.lerp(problem.low, problem.high, (units + 1) / 2)


def to_units(problem: PlanningProblem, actions: Float[Tensor, "... A"]) -> Float[Tensor, "... A"]:
    """The inverse of `to_physical`, clipped to the limits."""
    span = (problem.high - problem.low).clamp(min=torch.finfo(problem.low.dtype).tiny)
    return (2 * (actions - problem.low) / span - 1).clamp(-1, 1)


def first_guess(problem: PlanningProblem, warm: Plan | None) -> Float[Tensor, "B H R A"]:
    """Where the search begins: the warm plan, or the middle of the range in rows without a valid one."""
    shape = (problem.batch, problem.horizon, problem.per_step, len(problem.low))
    middle = problem.low.new_zeros(shape)
    if warm is None:
        return middle
    if warm.actions.shape != shape:
        raise ValueError(f"the warm plan has shape {tuple(warm.actions.shape)}, the problem {shape} (B H R A). Plan with one horizon throughout.")
    return torch.where(_rows(warm.valid, middle), to_units(problem, warm.actions), middle)


def first_spread(guess: Float[Tensor, "B H R A"], warm: Plan | None, cold: float, warmed: float) -> Float[Tensor, "B H R A"]:
    """How far to look around the first guess: less where it is a plan already."""
    return torch.full_like(guess, cold) if warm is None else torch.where(_rows(warm.valid, guess), warmed, cold).expand_as(guess)


def sample(
    noise: Noise, problem: PlanningProblem, count: int, mean: Float[Tensor, "B H R A"], spread: Float[Tensor, "B H R A"], colour: float
) -> Float[Tensor, "B S H R A"]:
    """`count` sequences around a mean, within the limits."""
    return (mean[:, None] + spread[:, None] * coloured(noise, problem, count, colour)).clamp(-1, 1)


def given(problem: PlanningProblem, room: int) -> Float[Tensor, "B S H R A"]:
    """The problem's proposals in units, perhaps none; ValueError where there are more than `room`."""
    if problem.proposals is None:
        return problem.low.new_zeros(problem.batch, 0, problem.horizon, problem.per_step, len(problem.low))
    if problem.proposals.shape[1] > room:
        raise ValueError(f"{problem.proposals.shape[1]} proposals, but the planner has room for {room}. Raise its samples, or propose fewer.")
    return to_units(problem, problem.proposals)


def coloured(noise: Noise, problem: PlanningProblem, count: int, colour: float) -> Float[Tensor, "B S H R A"]:
    """Standard normal sequences whose power falls with frequency as 1 / f^colour: 0 white, 1 pink, 2 a random walk.

    Smooth sequences move further than jittery ones, so they explore more (Pinneri et al. 2020, "Sample-efficient
    cross-entropy method for real-time planning", section 3.1). Unit variance; correlated over time only.
    """
    steps, size = problem.horizon * problem.per_step, len(problem.low)
    white = noise.normal(1, count, size, steps, dtype=problem.low.dtype)[:, 0]
    if colour > 0 and steps > 1 and count > 0:
        frequency = torch.fft.rfftfreq(steps, device=white.device, dtype=white.dtype).clamp(min=1 / steps)
        gain = frequency ** (-colour / 2)
        both_sides = torch.cat([gain, gain[1 : steps - len(gain) + 1]])  # every frequency but the ends appears twice
        white = torch.fft.irfft(torch.fft.rfft(white) * gain / both_sides.square().mean().sqrt(), n=steps)
    return white.transpose(2, 3).reshape(len(white), count, problem.horizon, problem.per_step, size)


def evaluate(problem: PlanningProblem, units: Float[Tensor, "B S H R A"]) -> Float[Tensor, "B S"]:
    """Costs; a candidate whose cost is not finite is infinitely bad."""
    cost = problem.cost(to_physical(problem, units))
    return cost.where(cost.isfinite(), torch.inf)


def take(candidates: Float[Tensor, "B S H R A"], index: Int[Tensor, "B E"]) -> Float[Tensor, "B E H R A"]:
    """Each row's candidates with these numbers."""
    return candidates.take_along_dim(index[:, :, None, None, None], 1)


def refit(
    elites: Float[Tensor, "B E H R A"], weights: Float[Tensor, "B E"], mean: Float[Tensor, "B H R A"], spread: Float[Tensor, "B H R A"]
) -> tuple[Float[Tensor, "B H R A"], Float[Tensor, "B H R A"]]:
    """Weighted mean and standard deviation of the elites; the weights of a row need not sum to 1.

    Rows where nothing weighs anything keep the mean and spread they had, and look on as widely: nothing was found to close in on.
    """
    total = weights.sum(1, keepdim=True)
    share = (weights / total.clamp(min=torch.finfo(weights.dtype).tiny))[:, :, None, None, None]
    found = (share * elites).sum(1)
    around = (share * (elites - found[:, None]).square()).sum(1).sqrt()
    some = _rows(total[:, 0] > 0, mean)
    return torch.where(some, found, mean), torch.where(some, around, spread)


@dataclass(frozen=True)
class Best:
    """The best sequence so far, in units."""

    units: Float[Tensor, "B H R A"]
    cost: Float[Tensor, "B"]

    @staticmethod
    def none(guess: Float[Tensor, "B H R A"]) -> "Best":
        """Nothing evaluated yet."""
        return Best(guess, torch.full_like(guess[:, 0, 0, 0], torch.inf))

    def improved(self, candidates: Float[Tensor, "B S H R A"], cost: Float[Tensor, "B S"]) -> "Best":
        """The better of this and the best candidate, row by row."""
        lowest, index = cost.min(1)
        better = lowest < self.cost
        found = take(candidates, index[:, None])[:, 0]
        return Best(torch.where(_rows(better, found), found, self.units), torch.where(better, lowest, self.cost))

    def plan(self, problem: PlanningProblem, spread: Float[Tensor, "B H R A"]) -> Plan:
        """As a plan in physical units. Rows where nothing had a finite cost are not valid."""
        half = (problem.high - problem.low) / 2
        return Plan(actions=to_physical(problem, self.units), cost=self.cost, spread=spread * half, valid=self.cost.isfinite())


def _rows(mask: Bool[Tensor, "B"], like: Tensor) -> Tensor:
    return mask.view(-1, *[1] * (like.ndim - 1))
