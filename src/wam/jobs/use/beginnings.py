"""Where episodes in a run's model begin: first frames of a world, or frames of a data set, as the run wants to see them.

Does not know: who acts, what is made of it.
"""

from pathlib import Path

import numpy as np
import torch

from wam.data import DataSpec, Frames, WindowDataset
from wam.jobs.place import BATCH, Place
from wam.jobs.windowing import past_of_start, skip_of
from wam.recipes.runs import Run
from wam.use.starts import Starts, recorded_starts, world_starts


def world_beginnings(run: Run, place: Place, count: int, seed: int = 0) -> tuple[Starts, int]:
    """First frames of a world, one for each of `count` seeds from `seed` on, and its budget in model steps. ValueError for another robot or clock."""
    env = place.shown(min(BATCH, count), run.preset)
    skip_of(run, DataSpec.of_world(env.spec), f"the world {place.world!r}")
    return world_starts(env, range(seed, seed + count)), env.spec.budget


def recorded_beginnings(run: Run, frames: Frames, name: str, count: int, seed: int = 0) -> tuple[Starts, int]:
    """`count` frames of a data set, drawn by `seed`, or all where it has fewer, and the model steps of its middle episode. `name` of the set.

    ValueError for a set that was imagined itself, and for one of another robot or clock.
    """
    if frames.spec.partly_imagined:
        raise ValueError(f"{name} was imagined by a model itself, and episodes are to start from what was really seen. Name the recorded set.")
    skip = skip_of(run, frames.spec, name)
    windows = WindowDataset(frames, past=past_of_start(run.world_model.spec), skip=skip)
    drawn = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))[:count]
    return recorded_starts(windows, drawn, Path(name).name), max(1, (int(np.median(frames.lengths)) - 1) // skip)
