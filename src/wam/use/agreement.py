"""How well what happens in a model agrees with what happens in the world, over several policies.

Shapes: P policies, N starts, S resamples. Success rates are 0 .. 1.
Pearson's r: do they vary together; says nothing of the level. Mean maximum rank violation (SIMPLER, arXiv 2405.05941, section
IV): how far, at worst, two policies lie apart in the world that the model puts in the wrong order; 0 is best. Bias: mean
difference imagined - real, over policies and starts. Calibration: a straight line that tells success in the world from success in the
model; what it says of a policy that it was not fitted to is wrong by the calibrated error.
Intervals: starts are drawn with replacement, the same for all policies and both worlds; the policies stay. They say how sure the figures are
for THESE policies. Footgun: rates from few starts are noisy on both axes, which pulls r towards 0.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam.evaluate.intervals import CONFIDENCE, Interval

Figure = Callable[[Tensor, Tensor], Tensor]  # rates (real "S P", imagined "S P") -> "S"


def pearson(real: Float[Tensor, "S P"], imagined: Float[Tensor, "S P"]) -> Float[Tensor, "S"]:
    """Correlation over the policies, -1 .. 1. NaN where all policies are alike in one of the worlds."""
    x, y = (rates - rates.mean(1, keepdim=True) for rates in (real, imagined))
    spread = x.norm(dim=1) * y.norm(dim=1)
    alike = (real.amax(1) == real.amin(1)) | (imagined.amax(1) == imagined.amin(1))
    return torch.where(alike, torch.nan, (x * y).sum(1) / spread).clamp(-1, 1)


def rank_violation(real: Float[Tensor, "S P"], imagined: Float[Tensor, "S P"]) -> Float[Tensor, "S"]:
    """Mean over policies i of the largest |real_i - real_j| among the j that the model orders otherwise: (i < j) differs."""
    apart = (real[:, :, None] - real[:, None, :]).abs()
    wrong = (real[:, :, None] < real[:, None, :]) != (imagined[:, :, None] < imagined[:, None, :])
    return (apart * wrong).amax(2).mean(1)


def bias(real: Float[Tensor, "S P"], imagined: Float[Tensor, "S P"]) -> Float[Tensor, "S"]:
    """Mean of imagined - real."""
    return (imagined - real).mean(1)


def calibration_slope(real: Float[Tensor, "S P"], imagined: Float[Tensor, "S P"]) -> Float[Tensor, "S"]:
    """Of the line by least squares: points in the world per point in the model; 1 where differences are as large. NaN where the model tells none apart."""
    x, y = (rates - rates.mean(1, keepdim=True) for rates in (imagined, real))
    return torch.where(imagined.amax(1) == imagined.amin(1), torch.nan, (x * y).sum(1) / x.square().sum(1))


def calibrated_error(real: Float[Tensor, "S P"], imagined: Float[Tensor, "S P"]) -> Float[Tensor, "S"]:
    """Mean over the policies of |real - what the line through the others says|, each left out in turn. NaN where that line does not exist.

    In closed form: the residual of the line through all, divided by one minus the policy's leverage.
    """
    x, y = (rates - rates.mean(1, keepdim=True) for rates in (imagined, real))
    square = x.square().sum(1, keepdim=True)
    alone = 1 - 1 / x.shape[1] - x.square() / square  # 0: without this policy all others are alike
    left_out = (y - (x * y).sum(1, keepdim=True) / square * x) / torch.where(alone > 1e-9, alone, torch.nan)
    return left_out.abs().mean(1)


def over_starts(
    figure: Figure, real: Bool[Tensor, "P N"], imagined: Bool[Tensor, "P N"], *, resamples: int = 2000, seed: int = 0, confidence: float = CONFIDENCE
) -> Interval:
    """A figure of the outcomes, with its interval. Resamples in which the figure is not defined are left out; NaN where it never is.

    ValueError where the two tables do not belong together.
    """
    if real.shape != imagined.shape or not real.numel():
        raise ValueError(f"outcomes are {tuple(real.shape)} in the world and {tuple(imagined.shape)} in the model (policies, starts). Use the same starts.")
    whole = figure(*(table.double().mean(1)[None] for table in (real, imagined)))
    return _interval(whole, figure(*_resampled(real, imagined, resamples, seed)), confidence)


def advantage(
    figure: Figure,
    real: Bool[Tensor, "P N"],
    first: Bool[Tensor, "P N"],
    second: Bool[Tensor, "P N"],
    *,
    resamples: int = 2000,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Interval:
    """The figure of a first model minus that of a second, over the same starts and policies: e.g. of a control."""
    rates, one, two = (table.double() for table in (real, first, second))
    whole = figure(rates.mean(1)[None], one.mean(1)[None]) - figure(rates.mean(1)[None], two.mean(1)[None])
    drawn = figure(*_resampled(real, first, resamples, seed)) - figure(*_resampled(real, second, resamples, seed))
    return _interval(whole, drawn, confidence)


def _resampled(real: Tensor, imagined: Tensor, resamples: int, seed: int) -> tuple[Tensor, Tensor]:
    """Rates "S P" over starts drawn with replacement. Counts are whole numbers until the last division, so equal rates are equal to the last digit."""
    count = real.shape[1]
    chosen = torch.randint(count, (resamples, count), generator=torch.Generator().manual_seed(seed))
    times = torch.zeros(resamples, count, dtype=torch.float64).scatter_add(1, chosen, torch.ones(resamples, count, dtype=torch.float64))
    return times @ real.double().cpu().T / count, times @ imagined.double().cpu().T / count


def _interval(whole: Tensor, drawn: Tensor, confidence: float) -> Interval:
    tail = (1 - confidence) / 2
    low, high = torch.nanquantile(drawn, torch.tensor([tail, 1 - tail], dtype=torch.float64)).tolist()
    return Interval(value=float(whole), low=low, high=high)
