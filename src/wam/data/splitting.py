"""One data set as two: what is learned from, and what is held out to judge by."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from wam.data.dataset import open_dataset
from wam.data.errors import DataError
from wam.data.fresh import new_set
from wam.data.joining import storage_of
from wam.data.recording import Recorder


def split(source: str | Path, out: Path, held: Path, *, count: int, seed: int = 0, progress: Callable[[int, int], None] | None = None) -> tuple[int, ...]:
    """Writes `count` episodes, drawn by `seed`, into `held` and the others into `out`; returns the numbers of those held out.

    Frames of videos are encoded once more. `progress` is told (episodes done, all). DataError where nothing would be left to learn from.
    """
    if Path(out).resolve() == Path(held).resolve():
        raise DataError("what is learned from and what is held out would lie in one folder.", remedy="Name two folders.", path=out)
    whole = open_dataset(source)
    if not 0 < count < len(whole):
        raise DataError(
            f"{count} of its {len(whole)} episodes were to be held out.", remedy="Hold out at least one, and leave some to learn from.", path=whole.root
        )
    chosen = sorted(int(number) for number in np.random.default_rng(seed).permutation(len(whole))[:count])
    storage = storage_of([whole])
    with (
        new_set(out) as out_folder,
        new_set(held) as held_folder,
        Recorder(out_folder, whole.spec, storage=storage) as learned,
        Recorder(held_folder, whole.spec, storage=storage) as kept,
    ):
        for number in range(len(whole)):
            (kept if number in chosen else learned).write(whole.read(number), found=(whole.root, number))
            if progress is not None:
                progress(number + 1, len(whole))
    return tuple(chosen)
