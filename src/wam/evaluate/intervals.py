"""How sure a figure is: Wilson and Newcombe for successes, bootstrap for means.

Sources: Wilson (1927) for one proportion; Newcombe (1998), "Improved confidence intervals for the difference between binomial
proportions based on paired data", method 10, for two arms over the same episodes; percentile bootstrap over groups for the
rest. All intervals are two-sided, 95 % unless said otherwise.
Footgun: windows cut from one episode are not independent. Give the bootstrap the episode of each as its group.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from wam.world import Spec

CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Interval(Spec):
    """A figure with the range that it may lie in."""

    value: float
    low: float
    high: float


def wilson(successes: int, episodes: int, confidence: float = CONFIDENCE) -> Interval:
    """Success rate in 0 .. 1. ValueError without episodes."""
    if not 0 <= successes <= episodes or episodes < 1:
        raise ValueError(f"{successes} successes in {episodes} episodes make no rate; at least one episode is needed.")
    z, rate = _z(confidence), successes / episodes
    centre = rate + z * z / (2 * episodes)
    reach = z * math.sqrt(rate * (1 - rate) / episodes + z * z / (4 * episodes**2))
    scale = 1 + z * z / episodes
    low = 0.0 if successes == 0 else (centre - reach) / scale  # exactly 0 and 1 at the ends, where rounding would miss them
    high = 1.0 if successes == episodes else (centre + reach) / scale
    return Interval(value=rate, low=low, high=high)


def paired_difference(first: Bool[Tensor, "N"], second: Bool[Tensor, "N"], confidence: float = CONFIDENCE) -> Interval:
    """Rate of `first` minus rate of `second` over the same N episodes. Newcombe's method keeps a width where all pairs agree."""
    count = len(first)
    one, two = (wilson(int(arm.sum()), count, confidence) for arm in (first, second))
    phi = _correlation(first, second)
    down = (one.value - one.low) ** 2 - 2 * phi * (one.value - one.low) * (two.high - two.value) + (two.high - two.value) ** 2
    up = (one.high - one.value) ** 2 - 2 * phi * (one.high - one.value) * (two.value - two.low) + (two.value - two.low) ** 2
    value = one.value - two.value
    return Interval(value=value, low=value - math.sqrt(max(down, 0.0)), high=value + math.sqrt(max(up, 0.0)))


def bootstrap_means(
    values: Float[Tensor, "N ..."],
    weights: Float[Tensor, "N ..."] | None = None,
    *,
    groups: Int[Tensor, "N"] | None = None,
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> tuple[Float[Tensor, "..."], Float[Tensor, "..."], Float[Tensor, "..."]]:
    """Weighted means over N with the ends of their intervals: (mean, low, high), double precision, on the CPU.

    Whole groups are drawn with replacement (each row its own group by default) from a CPU generator. NaN where no weight is.
    Means of differences give paired intervals. ValueError without rows.
    """
    if len(values) < 1:
        raise ValueError("a mean of no rows has no interval.")
    values = values.detach().double().cpu()
    weights = torch.ones_like(values) if weights is None else weights.detach().double().cpu().expand_as(values)
    total, weight = _grouped(torch.where(weights > 0, values, 0) * weights, groups), _grouped(weights, groups)
    draws = _draws(len(total), resamples, seed)
    samples = (draws @ total.reshape(len(total), -1)) / (draws @ weight.reshape(len(weight), -1))
    tail = (1 - confidence) / 2
    ends = torch.nanquantile(samples, torch.tensor([tail, 1 - tail], dtype=torch.float64), dim=0)
    mean = total.sum(0) / weight.sum(0)
    return mean, ends[0].view(mean.shape), ends[1].view(mean.shape)


def bootstrap_ratio(
    over: Float[Tensor, "N"], under: Float[Tensor, "N"], *, groups: Int[Tensor, "N"] | None = None, resamples: int = 1000, seed: int = 0
) -> Interval:
    """Sum of `over` by sum of `under`, rows (or groups) drawn as pairs: how many times larger one error is than another.

    ValueError where `under` sums to nothing.
    """
    both = _grouped(torch.stack([over, under], 1).detach().double().cpu(), groups)
    if not bool(both[:, 1].sum() > 0):
        raise ValueError("the figures to compare with sum to zero, so there is no ratio. Is the reference the truth itself?")
    samples = _draws(len(both), resamples, seed) @ both
    tail = (1 - CONFIDENCE) / 2
    low, high = torch.nanquantile(samples[:, 0] / samples[:, 1], torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return Interval(value=float(both[:, 0].sum() / both[:, 1].sum()), low=low, high=high)


def bootstrap_mean(values: Float[Tensor, "N"], *, groups: Int[Tensor, "N"] | None = None, seed: int = 0) -> Interval:
    """The mean of N numbers with its interval."""
    mean, low, high = bootstrap_means(values, groups=groups, seed=seed)
    return Interval(value=float(mean), low=float(low), high=float(high))


def paired_by_seed(difference: Float[Tensor, "seeds goals"], resamples: int = 10_000) -> Interval:
    """Mean of paired differences with a crossed bootstrap: seeds are drawn, and goals, which all seeds share."""
    seeds, goals = difference.shape
    chance = torch.Generator().manual_seed(0)
    which = torch.randint(0, seeds, (resamples, seeds), generator=chance)
    goal = torch.randint(0, goals, (resamples, goals), generator=chance)
    means = difference[which[:, :, None], goal[:, None, :]].mean((1, 2))
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype)).tolist()
    return Interval(value=float(difference.mean()), low=low, high=high)


def _z(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}, expected a number between 0 and 1, e.g. 0.95.")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def _correlation(first: Tensor, second: Tensor) -> float:
    """Phi of the 2 x 2 table, with Newcombe's correction of positive ones."""
    both, only_first = int((first & second).sum()), int((first & ~second).sum())
    only_second, neither = int((~first & second).sum()), int((~first & ~second).sum())
    spread = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    if not spread:
        return 0.0
    cross = both * neither - only_first * only_second
    return (max(cross - len(first) / 2, 0.0) if cross > 0 else cross) / math.sqrt(spread)


def _grouped(values: Tensor, groups: Tensor | None) -> Tensor:
    """Sums per group, "G ..."."""
    if groups is None:
        return values
    _, index = torch.unique(groups.cpu(), return_inverse=True)
    return values.new_zeros(int(index.max()) + 1, *values.shape[1:]).index_add(0, index, values)


def _draws(count: int, resamples: int, seed: int) -> Tensor:
    """How often each of `count` groups is in each resample, "S G"."""
    chosen = torch.randint(count, (resamples, count), generator=torch.Generator().manual_seed(seed))
    return torch.zeros(resamples, count, dtype=torch.float64).scatter_add(1, chosen, torch.ones(resamples, count, dtype=torch.float64))
