"""What was measured of one arm, trained once at one label share: a cell of the experiment, kept as a small JSON file beside the run.

Rates and outcomes are at the end of the budget; distances are metres.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool
from torch import Tensor

from wam.evaluate.intervals import Interval, wilson
from wam.evaluate.sources import Sources
from wam.files import replace_text
from wam.jobs.paradigms.arm import Arm
from wam.world import Spec, SpecError, read_spec


@dataclass(frozen=True, kw_only=True)
class Outcomes(Spec):
    """One split."""

    split: str
    solved: str  # "0110...": one digit per start, in the order of the evaluation seeds
    disagreement: Interval | None = None  # m, imagined against realised places; None where nothing is imagined
    floor: float | None = None  # m, error of the instrument on the realised frames

    def __post_init__(self) -> None:
        if not self.solved or set(self.solved) - {"0", "1"}:
            raise SpecError(f"outcomes of the split {self.split!r} are {self.solved!r}, expected a 0 or 1 for each start. Delete the cell's file.")

    @property
    def success(self) -> Interval:
        """Rate with its Wilson interval."""
        return wilson(self.solved.count("1"), len(self.solved))

    def outcomes(self) -> Bool[Tensor, "N"]:
        """One per start."""
        return torch.tensor([digit == "1" for digit in self.solved])


@dataclass(frozen=True, kw_only=True)
class Cost(Spec):
    """Of a decision, with one row."""

    milliseconds: float  # median
    slowest: float  # ms that 95 % stay under
    video: float  # evaluations of the network that makes or expects pictures; where weights are shared, of its tokens
    actions: float  # evaluations of the network that makes actions
    execute: int  # model steps done per decision


@dataclass(frozen=True, kw_only=True)
class InverseErrors(Spec):
    """Inverse dynamics against what the expert did, mean distance of each action, m."""

    real: Interval  # read off real frames
    generated: Interval  # read off frames imagined from the same starts
    mean: Interval  # what always telling the mean action would err


@dataclass(frozen=True, kw_only=True)
class Cell(Spec):
    """One arm, trained with one seed at one label share."""

    arm: str
    labels: float | None  # None: it learns nothing
    seed: int | None
    goals: int
    steps: int | None  # of training; None = the preset's
    budget: int
    world: str = "push"
    preset: str = "tiny"
    splits: tuple[Outcomes, ...]
    cost: Cost | None  # None for policies that read the simulator or act by chance
    inverse: InverseErrors | None
    parameters: int
    data: str  # fingerprint of the demonstrations
    device: str = ""  # that trained and timed it; "" = not noted
    sources: Sources

    @property
    def name(self) -> str:
        """As in file names."""
        return cell_name(self.arm, self.labels, self.seed)

    def split(self, name: str) -> Outcomes:
        """By name; KeyError where it was not measured."""
        return {one.split: one for one in self.splits}[name]


@dataclass(frozen=True)
class Wanted:
    """A cell that is to be there."""

    arm: Arm
    labels: float | None
    seed: int | None

    @property
    def name(self) -> str:
        """Of the cell."""
        return cell_name(self.arm.name, self.labels, self.seed)

    @property
    def run(self) -> str:
        """Of the folder of its training."""
        return cell_name(self.arm.run, self.labels, self.seed)


def wanted(arms: tuple[Arm, ...], labels: tuple[float, ...], seeds: int) -> tuple[Wanted, ...]:
    """All cells: seed after seed, so that a stopped experiment has whole seeds; what learns nothing once."""
    once = tuple(Wanted(arm, None, None) for arm in arms if not arm.recipe)
    return once + tuple(Wanted(arm, share, seed) for seed in range(seeds) for share in labels for arm in arms if arm.recipe)


def cell_name(arm: str, labels: float | None, seed: int | None) -> str:
    """E.g. "unipi-0.05-2"."""
    return arm if labels is None else f"{arm}-{labels:g}-{seed}"


def arm_and_share(name: str) -> tuple[str, float | None]:
    """Of a cell, by its name."""
    arm, *rest = name.rsplit("-", 2)
    return arm, float(rest[0]) if rest else None


def write(cell: Cell, folder: Path) -> Path:
    """At once or not at all."""
    path = folder / f"{cell.name}.json"
    replace_text(path, cell.to_json())
    return path


def read(path: Path) -> Cell | None:
    """None where there is none. SpecError for a damaged one."""
    return read_spec(path, Cell) if path.exists() else None
