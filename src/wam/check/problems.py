"""Small planning problems with a known optimum, and other numbers of candidates than any other axis."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass
class Bowl:
    """Squared distance of the actions from a target of each row, in units of half the range. Implements PlanningProblem.

    The optimum is the target clipped to the limits. `hole` makes every candidate whose first action number lies above this
    share of the range cost NaN, as a simulation that diverged would.
    """

    target: Float[Tensor, "B H R A"]  # in -1..1 (the limits) or beyond
    low: Float[Tensor, "A"]
    high: Float[Tensor, "A"]
    hole: float = float("inf")
    proposals: Float[Tensor, "B S H R A"] | None = None
    asked: list[Tensor] = field(default_factory=list)  # all candidates that were evaluated

    def __post_init__(self) -> None:
        self.batch, self.horizon, self.per_step = self.target.shape[:3]

    def cost(self, candidates: Float[Tensor, "B S H R A"]) -> Float[Tensor, "B S"]:
        """Lower is better, 0 at the target."""
        self.asked.append(candidates.detach())
        units = 2 * (candidates - self.low) / (self.high - self.low) - 1
        cost = (units - self.target[:, None]).square().flatten(2).sum(2)
        return torch.where(units[:, :, 0, 0, 0] > self.hole, torch.nan, cost)

    def best(self) -> Float[Tensor, "B H R A"]:
        """The optimum, in physical units."""
        return torch.lerp(self.low, self.high, (self.target.clamp(-1, 1) + 1) / 2)

    def of(self, actions: Float[Tensor, "B H R A"]) -> Float[Tensor, "B"]:
        """Cost of one sequence per row."""
        return self.cost(actions[:, None])[:, 0]

    def middle(self) -> Float[Tensor, "B"]:
        """Cost of the middle of the range, where a search starts."""
        return self.of(((self.low + self.high) / 2).expand(self.target.shape))


def bowl(device: torch.device, *, rows: int = 5, beyond: float = 1.0, hole: float = float("inf"), seed: int = 0) -> Bowl:
    """Five rows, three steps of one action with two numbers in unlike ranges; targets at 0.4 to 0.8 of the range, times `beyond`."""
    generator = torch.Generator().manual_seed(seed)
    size = 0.4 + 0.4 * torch.rand(rows, 3, 1, 2, generator=generator)
    sign = torch.where(torch.rand(rows, 3, 1, 2, generator=generator) < 0.5, -1.0, 1.0)
    target = (beyond * size * sign).to(device)
    return Bowl(target=target, low=torch.tensor([-0.05, 1.0], device=device), high=torch.tensor([0.05, 5.0], device=device), hole=hole)
