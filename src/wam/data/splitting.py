"""Some episodes of a data set: two sets of one, to learn from and to judge by; or those that are to be kept."""

from collections.abc import Callable, Collection
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


def select(
    source: str | Path, out: Path, numbers: Collection[int], *, drop: bool = False, progress: Callable[[int, int], None] | None = None
) -> tuple[int, ...]:
    """Writes the episodes with these numbers into `out`, or with `drop` all others; returns the numbers of those written, in their order.

    Frames of videos are encoded once more. `progress` is told (episodes done, all). DataError for numbers that there are not, and where none is left.
    """
    whole = open_dataset(source)
    every = set(range(len(whole)))
    if beyond := sorted(set(numbers) - every):
        raise DataError(f"it holds the episodes 0 to {len(whole) - 1}, and {beyond[0]} was named.", remedy="`wam data inspect` shows them.", path=whole.root)
    chosen = sorted(every - set(numbers) if drop else every & set(numbers))
    if not chosen:
        raise DataError(f"none of its {len(whole)} episodes would be left.", remedy="Keep at least one.", path=whole.root)
    with new_set(out) as folder, Recorder(folder, whole.spec, storage=storage_of([whole])) as kept:
        for done, number in enumerate(chosen):
            kept.write(whole.read(number), found=(whole.root, number))
            if progress is not None:
                progress(done + 1, len(chosen))
    return tuple(chosen)
