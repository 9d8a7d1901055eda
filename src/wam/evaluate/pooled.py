"""One system trained several times, judged over the same starts, beside the best of the trivial policies.

Outcomes of several trainings on the same starts are not independent: intervals are over trainings and over the starts that they share, and beside
them stands each training's own rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from wam.evaluate.intervals import Interval, difference_over_trainings, rate_over_trainings
from wam.evaluate.success import SuccessRow
from wam.world import Spec


@dataclass(frozen=True, kw_only=True)
class Pooled(Spec):
    """Rates are 0 .. 1."""

    success: Interval  # all trainings and starts
    per_training: tuple[float, ...]
    seconds_per_decision: float  # mean over the trainings
    trivial: str  # the trivial policy that solves most
    over_trivial: Interval  # success minus that of the trivial policy on the same starts


def pooled(trained: Sequence[SuccessRow], trivial: Sequence[SuccessRow]) -> Pooled:
    """Rows of one system over the same starts as those of the trivial policies. ValueError where starts differ or a side is empty."""
    if not trained or not trivial:
        raise ValueError(f"{len(trained)} trained and {len(trivial)} trivial policies were measured, expected at least one of each.")
    if len({(row.world, row.seeds, row.steps) for row in (*trained, *trivial)}) > 1:
        raise ValueError("the rows differ in world, starts or budget, so they cannot be compared. Measure all of them with one list of seeds.")
    best = max(trivial, key=lambda row: row.success)
    solved = torch.tensor([row.outcomes for row in trained])
    return Pooled(
        success=rate_over_trainings(solved),
        per_training=tuple(row.success for row in trained),
        seconds_per_decision=sum(row.seconds_per_decision for row in trained) / len(trained),
        trivial=best.name,
        over_trivial=difference_over_trainings(solved, torch.tensor(best.outcomes).expand_as(solved)),
    )
