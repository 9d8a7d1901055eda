"""A run's own file, `run.json` beside its checkpoints: what was trained, on what, and by which sources.

Does not know: models, how they are trained.
"""

from dataclasses import dataclass, fields, replace
from pathlib import Path

from wam.data import DataSpec
from wam.evaluate.sources import Sources
from wam.files import replace_text
from wam.train.checkpoint import CheckpointError
from wam.world import Spec

FILE = "run.json"


@dataclass(frozen=True, kw_only=True)
class TrainedOn(Spec):
    """The data set that a run learned from; where it acted in a world, the data set that came of it."""

    data: str  # absolute path, or Hub id
    fingerprint: str  # of what was done and felt in these episodes, shown or not; of the world, where one was acted in
    statistics: str  # hash of the statistics
    frames: int  # learned from; as planned, where a world was acted in
    episodes: tuple[int, ...] | None = None  # which; None = all
    world: str = ""  # acted in while learning, with its options; "" = none


@dataclass(frozen=True, kw_only=True)
class RunFile(Spec):
    """What `load` needs beside a checkpoint."""

    preset: str  # name in the recipe
    changed: bool  # was it changed, e.g. its mechanism switched off
    size: int | None  # of the preset as it was trained
    skip: int
    seed: int
    shows: DataSpec  # what its windows showed
    trained_on: TrainedOn
    labels: float = 1.0  # share of the episodes whose actions it was shown
    sources: Sources | None = None  # that its training began with; None = not known


def sources_now(recipe: str) -> Sources:
    """What a training of this recipe depends on, as it is now."""
    return Sources.of("wam.recipes.runs", f"wam.recipes.{recipe}")


def trained_now(folder: Path, fingerprint: str) -> bool:
    """Was what lies in a run's folder trained by the sources as they are now, on the data with this fingerprint?"""
    try:
        told = read(folder)
    except CheckpointError:
        return False
    return told.sources is not None and not told.sources.stale and told.trained_on.fingerprint == fingerprint


def write(told: RunFile, folder: Path) -> None:
    """Once the run is accepted. CheckpointError where a resumed one learned from something else."""
    path = folder / FILE
    if path.exists():
        before = read(folder)
        told = replace(told, sources=before.sources)  # that it began with
        moved = replace(before, trained_on=replace(before.trained_on, data=told.trained_on.data))  # the same data may lie elsewhere now
        if moved != told:
            pairs = ((part.name, getattr(moved, part.name), getattr(told, part.name)) for part in fields(RunFile))
            differ = "; ".join(f"{name} was {then}, is {now}" for name, then, now in pairs if then != now)
            raise CheckpointError(f"{folder} cannot go on, it was started with something else: {differ}. Start a new run.")
    replace_text(path, told.to_json())


def read(folder: Path) -> RunFile:
    """Of a run, or of the run that a checkpoint folder lies in."""
    places = (folder / FILE, folder.parent.parent / FILE)
    path = next((path for path in places if path.exists()), None)
    if path is None:
        raise CheckpointError(f"{folder / FILE} is missing: the run was copied in part. Copy the whole folder, {FILE} included.")
    try:
        return RunFile.from_json(path.read_text())
    except ValueError as error:
        raise CheckpointError(f"{path} cannot be read ({error}). It was edited or damaged, or written by another version of wam: copy it again.") from error
