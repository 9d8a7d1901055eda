"""A new data set has its name once it is whole, and not before.

with new_set("runs/both") as folder, Recorder(folder, spec) as recorder:
    ...

It is written into a folder beside its place. An exception removes that folder; a kill leaves it, under a name that says so
(`both.writing`), and the next attempt begins again. What no writer of sets left under that name is refused, not removed.
Of several processes one makes the set and the others are refused: a locked file (`both.writing.lock`) lies there until it is done.
For sets that are made in one go; a recording may be continued instead.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wam.data.errors import DataError
from wam.data.meaning import MEANING_PATH
from wam.data.recording import holds_nothing, lock
from wam.files import put


@contextmanager
def new_set(target: str | Path) -> Iterator[Path]:
    """The folder to write into. DataError where the target holds something, or another process is making it."""
    place = Path(target).resolve()
    with _alone(place):
        if place.exists() and not place.is_dir():
            raise DataError("there is a file of this name; a data set is a folder.", remedy="Choose a new folder.", path=target)
        if place.exists() and any(place.iterdir()):
            cause = "an earlier conversion or recording lies there."
            raise DataError("the folder is not empty; a new data set is written.", cause=cause, remedy="Choose a new folder.", path=target)
        if place.is_mount():
            raise DataError("the folder is a mount, so no finished set can be moved there.", remedy="Name a new folder in it.", path=target)
        unfinished = place.with_name(f"{place.name}.writing")
        if os.path.lexists(unfinished):
            remove_unfinished(unfinished)
        try:
            yield unfinished
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        put(unfinished, place)


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Hold the lock of a place from before it is looked at until the set has its name. DataError where another holds it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    path = place.with_name(f"{place.name}.writing.lock")
    handle = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        _lock(handle, path, place)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # while it is locked: whoever gets this lock later sees that it is nobody's
    finally:
        os.close(handle)


def _lock(handle: int, path: Path, place: Path) -> None:
    """Lock the open file at `path`. DataError where another process has it, or had it until now."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(handle), path.stat()):
            return
    except OSError:
        pass
    cause = "the same command was started twice."
    raise DataError("another process is making this set.", cause=cause, remedy="Wait for it, or choose another folder.", path=place)


def remove_unfinished(folder: Path) -> None:
    """What a kill left. DataError where a writer is at it, or where it is something else."""
    ours = folder.is_dir() and not folder.is_symlink()
    held = lock(folder) if ours else None
    try:
        if not ours or not ((folder / MEANING_PATH).is_file() or holds_nothing(folder)):
            raise DataError(
                "the new set would be made under this name, and what lies there is no set that was begun.",
                cause="it is your own, or a removal was cut short.",
                remedy="Rename or delete it, or choose another folder for the new set.",
                path=folder,
            )
        shutil.rmtree(folder)
    finally:
        if held is not None:
            os.close(held)
