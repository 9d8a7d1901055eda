"""A new data set has its name once it is whole, and not before.

with new_set("runs/both") as folder, Recorder(folder, spec) as recorder:
    ...

It is written into a folder beside its place. An exception removes that folder; a kill leaves it, under a name that says so
(`both.writing`), and the next attempt begins again. For sets that are made in one go; a recording may be continued instead.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wam.data.errors import DataError
from wam.data.files import put
from wam.data.recording import lock


@contextmanager
def new_set(target: str | Path) -> Iterator[Path]:
    """The folder to write into. DataError where the target holds something, or another process is making it."""
    place = Path(target).resolve()
    if place.exists() and any(place.iterdir()):
        cause = "an earlier conversion or recording lies there."
        raise DataError("the folder is not empty; a new data set is written.", cause=cause, remedy="Choose a new folder.", path=target)
    if place.is_mount():
        raise DataError("the folder is a mount, so no finished set can be moved there.", remedy="Name a new folder in it.", path=target)
    unfinished = place.with_name(f"{place.name}.writing")
    if unfinished.exists():
        os.close(lock(unfinished))
        shutil.rmtree(unfinished)
    try:
        yield unfinished
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    put(unfinished, place)
