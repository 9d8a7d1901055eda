"""Every episode held out once: errors of all folds pooled, as typed figures that print as JSON.

Windows of a fold come from one episode, so intervals draw whole episodes with their windows. With five episodes such an
interval is coarse: it cannot see what a sixth would have been like.
Does not know: how a fold's model was trained.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from wam.evaluate.card import MODEL, Contrast, Curve
from wam.evaluate.intervals import bootstrap_ratio
from wam.evaluate.measure import Errors, Table
from wam.evaluate.probe import ProbeScore
from wam.evaluate.result import Result
from wam.world import Spec


@dataclass(frozen=True, kw_only=True)
class StepContrast(Contrast):
    """Error of `arm` divided by error of `against` at one step ahead."""

    step: int  # 1 = the next frame


@dataclass(frozen=True, kw_only=True)
class EpisodeErrors(Spec):
    """Mean error of one arm over the windows of one episode."""

    where: str  # `Measure.where`: what a position was read from, which pixels
    arm: str
    values: tuple[float, ...]  # per step; m, squared error of pixels, standard deviations of actions


@dataclass(frozen=True, kw_only=True)
class Fold(Spec):
    """One episode that its model has not seen."""

    episode: int
    source: str | None  # where it lay before it was converted
    windows: int
    errors: tuple[EpisodeErrors, ...]


@dataclass(frozen=True, kw_only=True)
class CrossValidated(Result):
    """What leave-one-episode-out says."""

    data: str  # data set, authors, licence
    robot: str
    cameras: tuple[str, ...]
    actions: str  # what an action is: names of the slots
    derived: bool  # were the actions computed from states
    rate: float  # Hz
    size: int  # px, height and width of the pictures that the model sees
    past: int  # frames seen
    windows: int
    training_steps: int  # of each fold
    curves: tuple[Curve, ...]  # per step ahead
    contrasts: tuple[StepContrast, ...]
    probes: tuple[ProbeScore, ...]  # on real held-out frames of all folds together; none without latents
    folds: tuple[Fold, ...]


def joined(tables: Sequence[Table]) -> Table:
    """Rows of all folds under each other."""
    return {
        measure: {
            arm: Errors(value=torch.cat([table[measure][arm].value for table in tables]), weight=torch.cat([table[measure][arm].weight for table in tables]))
            for arm in arms
        }
        for measure, arms in tables[0].items()
    }


def step_contrasts(table: Table, groups: Int[Tensor, "B"], against: Mapping[str, Sequence[str]], steps: Sequence[int]) -> tuple[StepContrast, ...]:
    """The model against the arms named for each `Measure.where`, at these steps; arms that the table lacks, or that make no error, are left out."""
    found = []
    for measure, arms in table.items():
        for other in against[measure.where]:
            if other not in arms:
                continue
            for step in steps:
                mine, theirs = (_at(arms[arm], step) for arm in (MODEL, other))
                if float(theirs.sum()) > 1e-6 * len(theirs):
                    ratio = bootstrap_ratio(mine, theirs, groups=groups)
                    found.append(StepContrast(measure=measure, arm=MODEL, against=other, step=step, ratio=ratio))
    return tuple(found)


def fold_of(table: Table, episode: int, source: str | None) -> Fold:
    """Per-episode outcomes of one fold."""
    errors = [
        EpisodeErrors(where=measure.where, arm=arm, values=tuple((found.value * found.weight).sum(0).div(found.weight.sum(0).clamp_min(1)).tolist()))
        for measure, arms in table.items()
        for arm, found in arms.items()
    ]
    return Fold(episode=episode, source=source, windows=len(next(iter(next(iter(table.values())).values())).value), errors=tuple(errors))


def _at(errors: Errors, step: int) -> Tensor:
    return errors.value[:, step - 1] * errors.weight[:, step - 1]
