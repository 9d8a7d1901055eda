"""What a converter reports, and the writing that all converters share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from wam.data.episode import Episode
from wam.data.errors import DataError
from wam.data.fresh import new_set
from wam.data.index import Note
from wam.data.meaning import DataSpec
from wam.data.recording import Recorder

Told = Callable[[int, int | None], None]  # is told (episodes done, None: nobody knows how many there are)


@dataclass(frozen=True)
class Conversion:
    """A finished conversion."""

    path: Path  # of the new data set
    episodes: int
    frames: int
    notes: tuple[Note, ...]  # what was assumed, trimmed, derived or left out


def record_all(target: Path, spec: DataSpec, episodes: Iterable[Episode], progress: Told | None = None) -> tuple[int, int]:
    """Write all episodes into a new data set; (episodes, frames). A conversion that fails leaves nothing behind, one that is killed no set.

    Raises DataError where the folder holds something: a conversion cannot be continued.
    """
    with new_set(target) as folder, Recorder(folder, spec) as recorder:
        for episode in episodes:
            recorder.write(episode)
            if progress is not None:
                progress(recorder.episodes, None)
    return recorder.episodes, recorder.frames


def require_there(source: Path) -> None:
    """DataError where there is nothing at all to convert."""
    if not source.exists():
        cause = "the path is misspelt, or relative to another folder than the present one."
        raise DataError("there is no such file or folder.", cause=cause, remedy="Check the path.", path=source)
