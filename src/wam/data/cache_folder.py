"""How folders of caches come and go.

A cache is written under another name and renamed when complete, so one that exists is whole; then caches of earlier states of the
same set go. Whoever writes one holds a lock that dies with its process: what can be locked was abandoned, whichever host or container
began it.
Does not know: what lies in a cache, but for `of` in its meta.json, which says what set it is of.
"""

import errno
import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from wam.data.errors import DataError
from wam.data.layout import read_json
from wam.files import sync

FINISHED = re.compile(r"[0-9a-f]{16}")  # folders of this library alone: others may lie beside them
UNFINISHED = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}\.writing")
LOCK = "lock"  # in an unfinished cache: held while somebody builds it
BEGUN = 3600  # s within which an unfinished cache without a lock may just have been begun


@contextmanager
def written(place: Path, of: str, *, own: Path) -> Iterator[Path]:
    """An empty folder to fill, which becomes the cache `place` of the set `of` when the block ends, and goes where it fails.

    `own`: the set's own folder of caches. DataError where nothing can be written.
    """
    temporary = unfinished(place)
    try:
        remove_abandoned(place.parent)
        temporary.mkdir(parents=True)
        lock = locked(temporary)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise DataError(f"cannot write a cache here ({error}).", remedy="Pass folder=, a place that can be written.", path=place.parent) from error
    try:
        yield temporary
        sync(*temporary.iterdir(), temporary)
        try:
            temporary.rename(place)
        except OSError:
            if not place.exists():  # another process may have been faster
                raise
        (place / LOCK).unlink(missing_ok=True)  # only now: until it has its name, a kill leaves what is seen to be abandoned
        remove_earlier(place, of, own)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(lock)


def new_array(path: Path, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
    """A memory-mapped array whose room on the disk is taken now: a disk that gets full later ends the process. DataError where there is not enough."""
    made: NDArray[Any] = np.lib.format.open_memmap(path, "w+", dtype, shape)
    try:
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return made  # a file system that takes no room beforehand
        need, free = path.stat().st_size / 1e9, shutil.disk_usage(path.parent).free / 1e9
        raise DataError(
            f"{path.name} needs {need:.1f} GB, and {free:.1f} GB are free.",
            remedy="Make room, choose another place (folder=), or smaller pictures (size=).",
            path=path.parent,
        ) from error
    return made


def unfinished(place: Path) -> Path:
    """A name for a cache that is not whole, or no longer."""
    return place.with_name(f"{place.name}-{secrets.token_hex(8)}.writing")


def locked(folder: Path) -> int:
    """Lock a folder until the handle is closed or the process ends. Nobody ever sees its lock free before."""
    handle = os.open(folder / f"new {LOCK}", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        (folder / f"new {LOCK}").rename(folder / LOCK)
    except BaseException:
        os.close(handle)
        raise
    return handle


def remove_abandoned(home: Path) -> None:
    """Half-written caches that nobody holds."""
    for path in home.glob("*.writing"):
        if not UNFINISHED.fullmatch(path.name):
            continue
        with suppress(OSError):  # held, or gone by now
            if not (path / LOCK).exists():
                if time.time() - path.stat().st_mtime > BEGUN:
                    shutil.rmtree(path, ignore_errors=True)
                continue
            handle = os.open(path / LOCK, os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)


def remove_earlier(place: Path, of: str, own: Path) -> None:
    """Caches of the same set, read in the same way, from before its files changed. Who has one open keeps it until the end.

    Those of version 1 do not say what they are of: in the set's own folder of caches they go, elsewhere they stay.
    """
    earlier = {of, None} if place.parent.resolve() == own.resolve() else {of}
    for meta in place.parent.glob("*/meta.json"):
        with suppress(OSError, DataError):  # another process may be removing it
            if meta.parent != place and FINISHED.fullmatch(meta.parent.name) and read_json(meta, remedy="").get("of") in earlier:
                (meta.parent / LOCK).touch()
                shutil.rmtree(meta.parent.rename(unfinished(meta.parent)), ignore_errors=True)
