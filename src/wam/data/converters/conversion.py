"""What a converter reports, and the writing that all converters share."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wam.data.episode import Episode
from wam.data.errors import DataError
from wam.data.index import Note
from wam.data.meaning import DataSpec
from wam.data.recording import Recorder


@dataclass(frozen=True)
class Conversion:
    """A finished conversion."""

    path: Path  # of the new data set
    episodes: int
    frames: int
    notes: tuple[Note, ...]  # what was assumed, trimmed, derived or left out


def record_all(target: Path, spec: DataSpec, episodes: Iterable[Episode]) -> tuple[int, int]:
    """Write all episodes into a new data set; (episodes, frames). A conversion that fails leaves nothing behind.

    Raises DataError where the folder holds something: a conversion cannot be continued.
    """
    if target.exists() and any(target.iterdir()):
        cause = "an earlier conversion or recording lies there."
        raise DataError("the folder is not empty; a new data set is written.", cause=cause, remedy="Choose a new folder.", path=target)
    recorder = Recorder(target, spec)
    try:
        with recorder:
            for episode in episodes:
                recorder.write(episode)
    except BaseException:
        shutil.rmtree(target)
        raise
    return recorder.episodes, recorder.frames
