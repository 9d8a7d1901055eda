"""Windows of a data set or a world as a trained run sees them: its frames, its clock, its robot.

Does not know: what they are for.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from wam.data import DataSpec, WindowDataset
from wam.recipes.runs import Run, frames_for
from wam.world import Slot, Task, Window, WorldModelSpec

FRAMES = 4  # of the past that a recorded start shows, at most


def windows_of(run: Run, data: str | Path, horizon: int, count: int, *, episodes: Sequence[int] | None = None) -> tuple[Window, torch.Tensor]:
    """`count` windows of `horizon` steps of what imagines, and the episode of each: as many frames seen as while it learned, and no more than it uses.

    `episodes`: of these alone; None = all.
    ValueError for a horizon that no episode fills, for instructions that are not in the run's table, and for another robot.
    """
    frames, spec = frames_for(run.preset, data, episodes), run.imagining.spec
    skip = skip_of(run, frames.spec, data)
    frames = frames.in_table(spec.sentences) if spec.instructed else frames
    windows = WindowDataset(frames, past=past_of(run), horizon=horizon, skip=skip, truth=True)
    if not windows.longest or horizon > windows.longest:
        raise ValueError(f"no episode of {data} is long enough to look {horizon} steps of {skip} frames ahead: the longest allows {windows.longest}.")
    drawn = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))[:count]
    return windows.batch(drawn), windows.episode_of(drawn)


def past_of(run: Run) -> int:
    """Frames that it sees before it predicts: as many as while it learned, and no more than it uses."""
    fewest, most = run.imagining.spec.context
    return int(max(fewest, min(run.preset.past, most)))


def past_of_start(spec: WorldModelSpec) -> int:
    """Frames that a recorded start shows a model: as many as it can use, a few at most."""
    return int(max(spec.context[0], min(spec.context[1], FRAMES)))


def skip_of(run: Run, shown: DataSpec, data: str | Path) -> int:
    """Frames of a data set per step of what imagines; what was lived through or imagined is at the run's clock already.

    Videos inside policies may make longer steps than the run, see `times_slower`. ValueError for sets of another robot.
    """
    spec = run.imagining.spec
    for what, needed, names in (
        ("cameras", spec.observes.cameras, shown.observes.cameras),
        ("actions", [slot.name for slot in spec.consumes.low_level], [slot.name for slot in shown.acts.low_level]),
    ):
        if missing := sorted(set(needed) - set(names)):
            raise ValueError(
                f"{data} has the {what} {sorted(names)}, and {run.name} learned with {sorted(needed)}: it lacks {missing}. "
                "It is probably of another robot or world: pass episodes recorded like those that the run learned from."
            )
    for mine, theirs in ((spec.consumes.low_level, shown.acts.low_level), (spec.observes.proprio, shown.observes.proprio)):
        there = {slot.name: slot for slot in theirs}
        for slot, other in ((slot, there[slot.name]) for slot in mine if slot.name in there):
            if (other.unit, other.frame, other.relative) != (slot.unit, slot.frame, slot.relative):
                raise ValueError(f"{data} has {meant(other)}, and {run.name} learned with {meant(slot)}: convert the set, or train on episodes like these.")
    for skip in (1, run.preset.skip):
        if abs(shown.rate - skip * run.data.rate) < 1e-3 * shown.rate:
            return skip * times_slower(run)
    raise ValueError(
        f"{data} has {shown.rate:g} frames a second, and {run.name} learned from {run.preset.skip * run.data.rate:g}: its steps would last another time. "
        "Pass episodes of that rate, or train on these."
    )


def horizon_of(run: Run, steps: int) -> int:
    """So many steps of the run in steps of what it imagines with, rounded up to whole chunks."""
    chunk: int = run.imagining.spec.chunk
    return -(-steps // (chunk * times_slower(run))) * chunk


def times_slower(run: Run) -> int:
    """Steps of the run per step of what it imagines with."""
    spec: WorldModelSpec = run.imagining.spec
    return round(run.data.rate / spec.rate)


def meant(slot: Slot) -> str:
    """What a number is, in words."""
    return f"{slot.name!r} as {'a change' if slot.relative else 'a value'} in {slot.unit or 'no unit'}, frame {slot.frame!r}"


def in_words_of(spec: WorldModelSpec, task: Task, sentences: tuple[str, ...]) -> Task:
    """A task whose instructions are ids into `sentences`, with the model's own ids for them; -1 (none) for words that it never read."""
    if not spec.instructed or task.instruction is None:
        return replace(task, instruction=None)
    own = [spec.sentences.index(words) if words in spec.sentences else -1 for words in sentences]
    return replace(task, instruction=torch.tensor([*own, -1], device=task.instruction.device)[task.instruction])  # the last for -1
