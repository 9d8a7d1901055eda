"""Episodes kept as named arrays: replay buffers in Zarr or NumPy, and robomimic-style HDF5.

    buffer.npz, buffer.zarr, buffer.zarr.zip    arrays over the steps of all episodes (in Zarr: data/NAME), and
                                                episode_ends (in Zarr: meta/episode_ends), the index after each last step
    demos.hdf5                                  data/demo_K/NAME and data/demo_K/obs/NAME, one group per episode

Yields (name of the episode, arrays "T ..." by name). In all of them an action FOLLOWS its observation.
Does not know: what an array means (`replay.py`).
"""

import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from wam.data.errors import DataError

Arrays = dict[str, NDArray[Any]]
ENDS = "episode_ends"
FORMATS = (".npz", ".zarr", ".zarr.zip", ".hdf5", ".h5")
DAMAGE = (BadZipFile, zlib.error, ValueError, OSError, EOFError, RuntimeError, KeyError, TypeError)  # what readers raise for a damaged file


def read_arrays(path: Path) -> Iterator[tuple[str, Arrays]]:
    """By the file's ending. DataError for others, and for episodes that do not fit their arrays."""
    if path.suffix == ".npz":
        yield from cut_buffer(read_npz(path), path)
    elif path.suffix == ".zarr" or path.name.endswith(".zarr.zip"):
        yield from cut_buffer(read_zarr(path), path)
    elif path.suffix in (".hdf5", ".h5"):
        yield from read_demonstrations(path)
    else:
        inside = sorted(one.name for one in path.iterdir() if one.name.endswith(FORMATS)) if path.is_dir() else []
        there = f" This folder holds {', '.join(inside[:4])}." if inside else ""
        raise DataError("its ending says no known format.", remedy=f"Give a {', '.join(FORMATS)} file.{there}", path=path)


def read_npz(path: Path) -> Arrays:
    """All arrays of a file."""
    try:
        with path.open("rb") as file, np.load(file) as found:
            return {name: found[name] for name in found.files}
    except DAMAGE as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> DataError:
    """The error for a file that is not what its ending says."""
    cause = "it was cut off in copying, is of another format, or holds pickled objects."
    return DataError(f"it cannot be read ({error}).", cause=cause, remedy="Copy it again, or save plain arrays.", path=path)


def cut_buffer(arrays: Arrays, path: Path) -> Iterator[tuple[str, Arrays]]:
    """A buffer of all steps, cut at its ends."""
    if ENDS not in arrays:
        raise DataError(f"there is no {ENDS}; it holds {sorted(arrays)}.", remedy="Store the index after each episode's last step.", path=path)
    if arrays[ENDS].ndim != 1 or arrays[ENDS].dtype.kind not in "iu":
        what = f"{ENDS} is {arrays[ENDS].dtype} of shape {arrays[ENDS].shape}, expected whole numbers of shape (episodes,)."
        raise DataError(what, remedy="Store the index after each episode's last step.", path=path)
    ends = arrays[ENDS].astype(np.int64)
    if not len(ends):
        raise DataError(f"{ENDS} is empty: it holds no episode.", remedy="Export the buffer again.", path=path)
    steps = {name: array for name, array in arrays.items() if name != ENDS and array.ndim and len(array) == ends[-1]}
    if not steps or (np.diff(ends, prepend=0) <= 0).any():
        lengths = {name: len(array) for name, array in arrays.items() if array.ndim}
        raise DataError(f"{ENDS} ends at {ends[-1]} and must rise; the arrays have lengths {lengths}.", remedy="Export the buffer again.", path=path)
    for number, (start, end) in enumerate(zip(np.concatenate([[0], ends[:-1]]), ends, strict=True)):
        yield str(number), {name: array[start:end] for name, array in steps.items()}


def read_zarr(path: Path) -> Arrays:
    """Arrays of the groups data and meta. ImportError that names the extra."""
    try:
        import zarr
    except ImportError as error:
        raise ImportError("reading Zarr needs the extra \"convert\": pip install 'wam[convert]'") from error
    try:
        if path.suffix == ".zip":
            ZipFile(path).close()  # a store that could not be opened cannot be closed either
        with zarr.storage.ZipStore(path, mode="r") if path.suffix == ".zip" else nullcontext(path) as store:
            group: Any = zarr.open_group(store, mode="r")
            return {name: np.asarray(array) for part in ("data", "meta") if part in group for name, array in group[part].arrays()}
    except DAMAGE as error:
        raise damaged(path, error) from error


def read_demonstrations(path: Path) -> Iterator[tuple[str, Arrays]]:
    """Groups data/demo_K in the order of K. ImportError that names the extra."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError("reading HDF5 needs the extra \"convert\": pip install 'wam[convert]'") from error
    try:
        with h5py.File(path, "r") as file:
            if "data" not in file or not len(file["data"]):
                raise DataError(f"there is no data/demo_K; it holds {sorted(file)}.", remedy="Give a robomimic-style file.", path=path)
            for name in sorted(file["data"], key=lambda name: (len(name), name)):
                group = file["data"][name]
                found = {key: np.asarray(value) for key, value in group.items() if isinstance(value, h5py.Dataset)}
                found |= {f"obs/{key}": np.asarray(value) for key, value in group.get("obs", {}).items() if isinstance(value, h5py.Dataset)}
                yield name, found
    except DataError:
        raise
    except DAMAGE as error:
        raise damaged(path, error) from error
