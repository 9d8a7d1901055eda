"""How sure a figure is: Wilson and Newcombe for successes, bootstrap for means.

Sources: Wilson (1927) for one proportion; Newcombe (1998), "Improved confidence intervals for the difference between binomial
proportions based on paired data", method 10, for two arms over the same episodes; Student's t over trainings and starts; percentile
bootstrap over groups for the rest, which needs many groups: of three trainings it draws the lowest three times in every 27. All intervals are
two-sided, 95 % unless said otherwise.
Footgun: windows cut from one episode are not independent. Give the bootstrap the episode of each as its group.
"""

import math
from collections.abc import Sequence
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
    return _scored(successes / episodes, episodes, _z(confidence))


def paired_difference(first: Bool[Tensor, "N"], second: Bool[Tensor, "N"], confidence: float = CONFIDENCE) -> Interval:
    """Rate of `first` minus rate of `second` over the same N episodes. Newcombe's method keeps a width where all pairs agree."""
    one, two = (wilson(int(arm.sum()), len(arm), confidence) for arm in (first, second))
    return _newcombe(one, two, _correlation(first, second))


def _newcombe(one: Interval, two: Interval, phi: float) -> Interval:
    """The difference of two rates with this correlation."""
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


def over_trainings(values: Float[Tensor, "S G"]) -> Interval:
    """Mean of what S trainings gave on G starts, which they share: how far another training on other starts may lie from it.

    Both vary, each with its own share of the variance of the mean (two-way random effects; Searle, Casella and McCulloch 1992, chapter 4), and
    Student's t takes the degrees of freedom of the sum (Satterthwaite 1946): with two or three trainings that differ the interval is wide, as it must
    be. A single training says nothing of others: then the interval is over starts alone.
    """
    trainings, starts = values.shape
    mean, by_training, by_start = values.mean(), values.mean(1), values.mean(0)
    rest = values - by_training[:, None] - by_start + mean
    freedom = (trainings - 1, starts - 1, (trainings - 1) * (starts - 1))
    sums = (starts * (by_training - mean).square().sum(), trainings * (by_start - mean).square().sum(), rest.square().sum())
    squares = [float(total) / free if free else 0.0 for total, free in zip(sums, freedom, strict=True)]
    between, along, left = squares
    whole = max(between + along - left, between, along)  # times S G, the variance of the mean; never less than either part
    if not whole:
        return Interval(value=float(mean), low=float(mean), high=float(mean))
    free = whole**2 / sum(part**2 / each for part, each in zip(squares, freedom, strict=True) if each)
    reach = student(max(1.0, free)) * math.sqrt(whole / values.numel())
    return Interval(value=float(mean), low=float(mean) - reach, high=float(mean) + reach)


def rate_over_trainings(solved: Bool[Tensor, "S G"]) -> Interval:
    """Success rate of S trainings on G shared starts: Wilson's for one; of several, `over_trainings`, and never narrower than Wilson's of all."""
    return _within(wilson(int(solved.sum()), solved.numel()), solved, 0.0)


def difference_over_trainings(first: Bool[Tensor, "S G"], second: Bool[Tensor, "S G"]) -> Interval:
    """Rate of `first` minus rate of `second`, paired by training and start: Newcombe's for one training; of several, as `rate_over_trainings`."""
    return _within(paired_difference(first.flatten(), second.flatten()), first.double() - second.double(), -1.0)


@dataclass(frozen=True)
class Spread:
    """How much trainings of one system differ on the same starts: a rate p varies by `share` * p * (1 - p) from training to training.

    What is left of chance at these starts is in it, so intervals are a little wide.
    """

    share: float = 0.0
    freedom: int = 0  # trainings that this is known from, less one of each system; 0: nothing is known of it

    @staticmethod
    def of(systems: Sequence[Bool[Tensor, "_S _G"]]) -> "Spread":
        """From systems that were trained several times, those at 0 and 1 apart: of how few trainings two of one system say little, all together more."""
        rates = [solved.double().mean(1) for solved in systems if len(solved) > 1]
        rates = [each for each in rates if 0 < float(each.mean()) < 1]
        freedom = sum(len(each) - 1 for each in rates)
        if not freedom:
            return Spread()
        apart = sum(float((each - each.mean()).square().sum() / (each.mean() * (1 - each.mean()))) for each in rates)
        return Spread(share=apart / freedom, freedom=freedom)

    def rate(self, solved: Bool[Tensor, "S G"]) -> Interval:
        """Wilson's interval of so many independent starts as these trainings on shared starts are worth, with Student's t."""
        z, worth = self._reach(solved)
        return _scored(float(solved.double().mean()), worth, z)

    def difference(self, first: Bool[Tensor, "S G"], second: Bool[Tensor, "S G"]) -> Interval:
        """Rate of `first` minus rate of `second`, paired by training and start, by Newcombe's method 10; what pairs share is of the starts alone."""
        of_starts = self._reach(first)[1] / first.shape[1]
        return _newcombe(self.rate(first), self.rate(second), of_starts * _correlation(first.flatten(), second.flatten()))

    def _reach(self, solved: Tensor) -> tuple[float, float]:
        """Student's t, and how many independent starts the outcomes are worth."""
        trainings, starts = solved.shape
        parts = (self.share / trainings, 1 / starts)
        free = sum(parts) ** 2 / sum(part**2 / many for part, many in zip(parts, (self.freedom, starts - 1), strict=True) if many) if starts > 1 else 1.0
        return student(max(1.0, free)), 1 / sum(parts)


def student(freedom: float, confidence: float = CONFIDENCE) -> float:
    """The t that Student's distribution stays within by this chance, for any degrees of freedom from 1 on.

    With t = sqrt(f) tan(a), the density over the angle a goes with cos(a) to the power f - 1.
    """
    if freedom > 1e4:
        return _z(confidence)
    angle = torch.linspace(0, math.pi / 2, 100_001, dtype=torch.float64)
    chance = torch.cumulative_trapezoid(angle.cos().clamp_min(0) ** (freedom - 1), angle)
    reached = int(torch.searchsorted(chance, confidence * float(chance[-1])))
    return math.sqrt(freedom) * math.tan(float(angle[reached + 1]))


def _scored(rate: float, episodes: float, z: float) -> Interval:
    """Wilson's interval."""
    centre = rate + z * z / (2 * episodes)
    reach = z * math.sqrt(rate * (1 - rate) / episodes + z * z / (4 * episodes**2))
    scale = 1 + z * z / episodes
    low = 0.0 if rate == 0 else (centre - reach) / scale  # exactly 0 and 1 at the ends, where rounding would miss them
    high = 1.0 if rate == 1 else (centre + reach) / scale
    return Interval(value=rate, low=low, high=high)


def _within(least: Interval, values: Tensor, lowest: float) -> Interval:
    """The wider of both ends, from `lowest` to 1."""
    if len(values) == 1:
        return least
    found = over_trainings(values.double())
    return Interval(value=least.value, low=max(lowest, min(least.low, found.low)), high=min(1.0, max(least.high, found.high)))


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
