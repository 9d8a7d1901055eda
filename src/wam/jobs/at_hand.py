"""Is what a run learned from still here?

A run that was exported tells its data by a bare name, and in another folder anything may have that name.
Knows: runs, data sets on disk.
"""

from pathlib import Path

from wam.data import DataError, open_dataset
from wam.recipes.runs import Run, frames_for


def data_of(run: Run) -> str | None:
    """The data set that the run learned from, where it lies there still and its fingerprint is the run's; None where it does not.

    What was lived through in a world has no fingerprint in the run: it counts where the run wrote it.
    """
    about = run.trained_on
    if not Path(about.data).exists():
        return None
    try:
        dataset = open_dataset(about.data)
    except DataError:  # a folder of that name
        return None
    if about.world:
        return about.data if Path(about.data).is_absolute() else None
    kept = about.episodes or range(len(dataset))
    if max(kept, default=0) >= len(dataset) or sum(dataset.episodes[number].length for number in kept) != about.frames:
        return None  # without writing a cache into a set of somebody else's
    return about.data if frames_for(run.preset, about.data, about.episodes).fingerprint() == about.fingerprint else None
