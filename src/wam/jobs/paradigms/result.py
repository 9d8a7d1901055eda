"""All cells together: rates pooled over trainings, differences over the starts that arms share, and what is missing.

Outcomes of several trainings on the same starts are not independent: intervals are over trainings and starts, and beside them stands each training's
own rate. How much trainings differ is taken from all arms that have several (`evaluate.intervals.Spread`): two of one arm say next to nothing of it,
and a single one nothing at all. An arm is
compared with another at the same label share, in the same split, over the training seeds that both have; an arm that learns nothing stands
beside every share.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from wam.evaluate.intervals import Interval, Spread
from wam.evaluate.result import Result, Verdicts, enough
from wam.jobs.paradigms.arm import Arm
from wam.jobs.paradigms.arms import BASELINE, QUESTIONS
from wam.jobs.paradigms.cell import Cell
from wam.jobs.paradigms.worlds import FIRST, SPLITS
from wam.world import Spec


@dataclass(frozen=True, kw_only=True)
class Rate(Spec):
    """An arm at a label share in a split, over its trainings."""

    arm: str
    labels: float | None
    split: str
    success: Interval
    per_training: tuple[float, ...]
    over_cloning: Interval | None  # success minus that of cloning by sight; None without one to compare with, and for itself
    disagreement: tuple[float, ...]  # m, of each training, where futures are imagined
    floor: float | None  # m, error of the instrument


@dataclass(frozen=True, kw_only=True)
class Answer(Spec):
    """What two arms' difference says."""

    asks: str
    first: str
    second: str
    labels: float
    split: str
    difference: Interval
    trainings: int  # of each


@dataclass(frozen=True, kw_only=True)
class ArmCost(Spec):
    """What a decision of an arm costs; means over its trainings."""

    arm: str
    paradigm: str
    milliseconds: float | None  # of those that were timed on the machine of the table; None where none was
    video: float
    actions: float
    execute: int
    parameters: int


@dataclass(frozen=True, kw_only=True)
class InverseRow(Spec):
    """Inverse dynamics' errors of each training, m."""

    arm: str
    labels: float
    real: tuple[float, ...]
    generated: tuple[float, ...]
    mean: float  # of always telling the mean action


@dataclass(frozen=True, kw_only=True)
class ParadigmResult(Result):
    """The experiment as far as it has come."""

    world: str = "push"
    rates: tuple[Rate, ...]
    answers: tuple[Answer, ...]
    costs: tuple[ArmCost, ...]
    inverse: tuple[InverseRow, ...]
    missing: tuple[str, ...]  # cells that were asked for and are not there
    older: tuple[str, ...]  # cells that were measured with other sources than those of now
    cells: tuple[Cell, ...]


def verdicts(found: Sequence[Rate], cells: Sequence[Cell], arms: Sequence[Arm]) -> dict[str, Verdicts]:
    """Of each recipe as it is, with all of the actions, in the first split: does it solve more than chance, the whole interval above that of chance?"""
    first = {(rate.arm, rate.labels): rate for rate in found if rate.split == FIRST}
    chance, said = first.get(("random", None)), dict[str, Verdicts]()
    for arm in arms:
        rate, own = first.get((arm.name, 1.0)), [cell for cell in cells if (cell.arm, cell.labels) == (arm.name, 1.0)]
        if rate and chance and arm.name == arm.recipe and enough(trainings=len(own), episodes=sum(cell.goals for cell in own)):
            said[arm.name] = Verdicts(learns=rate.success.low > chance.success.high)
    return said


Group = dict[tuple[str, float | None], list[Cell]]


def grouped(cells: Sequence[Cell]) -> Group:
    """Cells of the same arm and label share, by training seed."""
    found: Group = {}
    for cell in sorted(cells, key=lambda one: (one.seed is not None, one.seed)):
        found.setdefault((cell.arm, cell.labels), []).append(cell)
    return found


def rates(cells: Sequence[Cell], arms: Sequence[Arm]) -> tuple[Rate, ...]:
    """A line per arm, label share and split, in the order of the arms."""
    groups, order = grouped(cells), [arm.name for arm in arms]
    spread, found = spreads(groups.values()), []
    for (arm, labels), group in sorted(groups.items(), key=lambda item: (order.index(item[0][0]), item[0][1] or 0.0)):
        for split in SPLITS:
            parts = [cell.split(split) for cell in group]
            floors = [part.floor for part in parts if part.floor is not None]
            cloning = groups.get((BASELINE, labels), []) if arm != BASELINE else []
            solved = torch.stack([part.outcomes() for part in parts])
            found.append(
                Rate(
                    arm=arm,
                    labels=labels,
                    split=split,
                    success=spread[split].rate(solved) if group[0].seed is not None else Spread().rate(solved),
                    per_training=tuple(part.success.value for part in parts),
                    over_cloning=difference(group, cloning, split, spread[split]),
                    disagreement=tuple(part.disagreement.value for part in parts if part.disagreement is not None),
                    floor=sum(floors) / len(floors) if floors else None,
                )
            )
    return tuple(found)


def answers(cells: Sequence[Cell]) -> tuple[Answer, ...]:
    """A line per question, label share and split that both arms were measured in."""
    groups, found = grouped(cells), []
    spread = spreads(groups.values())
    for question in QUESTIONS:
        for labels in sorted({cell.labels for cell in cells if cell.labels is not None}):
            first, second = (groups.get((name, labels), []) for name in (question.first, question.second))
            for split in SPLITS:
                apart = difference(first, second, split, spread[split])
                if apart is not None:
                    trainings = len(seeds_of(first) & seeds_of(second))
                    told = dict(asks=question.asks, first=question.first, second=question.second)
                    found.append(Answer(**told, labels=labels, split=split, difference=apart, trainings=trainings))
    return tuple(found)


def spreads(groups: Iterable[Sequence[Cell]]) -> dict[str, Spread]:
    """Of each split, how much trainings of an arm that learns differ: from all arms and label shares with several."""
    learned = [group for group in groups if group[0].seed is not None]
    return {split: Spread.of([torch.stack([cell.split(split).outcomes() for cell in group]) for group in learned]) for split in SPLITS}


def difference(first: Sequence[Cell], second: Sequence[Cell], split: str, spread: Spread) -> Interval | None:
    """Rate of the first minus rate of the second, over the trainings that both have; None where there are none."""
    shared = sorted(seeds_of(first) & seeds_of(second))
    if not shared:
        return None
    return spread.difference(*(outcomes(cells, shared, split) for cells in (first, second)))


def outcomes(cells: Sequence[Cell], seeds: Sequence[int], split: str) -> Tensor:
    """Of these trainings, "seeds starts"."""
    by_seed = {cell.seed: cell for cell in cells}
    return torch.stack([by_seed[seed].split(split).outcomes() for seed in seeds])


def seeds_of(cells: Sequence[Cell]) -> set[int]:
    """Training seeds."""
    return {cell.seed for cell in cells if cell.seed is not None}


def costs(cells: Sequence[Cell], arms: Sequence[Arm]) -> tuple[ArmCost, ...]:
    """A line per arm whose decisions were timed. Times of one machine alone can be compared: of that which timed most arms."""
    found, machine = [], timed_on(cells)
    for arm in arms:
        own = [cell for cell in cells if cell.arm == arm.name and cell.cost is not None]
        timed = [cell.cost for cell in own if cell.cost is not None]
        if not timed:
            continue
        here = [cell.cost.milliseconds for cell in own if cell.cost is not None and cell.device == machine]
        milliseconds = sum(here) / len(here) if here else None
        video, actions = (sum(getattr(cost, name) for cost in timed) / len(timed) for name in ("video", "actions"))
        found.append(
            ArmCost(
                arm=arm.name,
                paradigm=arm.paradigm,
                milliseconds=milliseconds,
                video=video,
                actions=actions,
                execute=timed[0].execute,
                parameters=own[0].parameters,
            )
        )
    return tuple(found)


def timed_on(cells: Sequence[Cell]) -> str:
    """The machine, as cells name it, that timed the decisions of most arms."""
    arms: dict[str, set[str]] = {}
    for cell in cells:
        if cell.cost is not None:
            arms.setdefault(cell.device, set()).add(cell.arm)
    return max(sorted(arms), key=lambda machine: len(arms[machine]), default="")


def inverse_rows(cells: Sequence[Cell]) -> tuple[InverseRow, ...]:
    """A line per arm and label share with such errors."""
    found = []
    for (arm, labels), group in grouped(cells).items():
        known = [cell.inverse for cell in group if cell.inverse is not None]
        if known and labels is not None:
            real, generated = (tuple(getattr(one, name).value for one in known) for name in ("real", "generated"))
            found.append(InverseRow(arm=arm, labels=labels, real=real, generated=generated, mean=known[0].mean.value))
    return tuple(sorted(found, key=lambda row: (row.arm, row.labels)))
