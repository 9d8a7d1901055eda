"""Decode a data set once into memory-mapped arrays; open them read-only ever after.

A cache is a folder of .npy files, one per field, named by a fingerprint of everything it depends on (files by size and
time, where in them episodes lie, cameras, frame size, this code's version). It is written under another name and renamed
when complete, so a cache that exists is whole; then caches of earlier states of the same set go. Whoever builds one holds a
lock that dies with its process: what can be locked was abandoned, whichever host or container began it.
RGB is uint8, resized by area averaging where a size is asked for.
Does not know: windows. Footgun: copying a data set changes file times, so its copy makes a cache of its own.
"""

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wam.data.columns import flatten
from wam.data.dataset import EpisodeDataset
from wam.data.errors import DataError
from wam.data.files import sync
from wam.data.frames import Frames, rest
from wam.data.layout import read_json
from wam.data.meaning import DataSpec
from wam.data.pictures import resize_area
from wam.data.table import open_table
from wam.world.specs import Camera

VERSION = 2  # raise when the content of a cache changes
FINISHED = re.compile(r"[0-9a-f]{16}")  # folders of this library alone: others may lie beside them
UNFINISHED = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}\.writing")
LOCK = "lock"  # in an unfinished cache: held while somebody builds it
BEGUN = 3600  # s within which an unfinished cache without a lock may just have been begun


def cached_frames(
    dataset: EpisodeDataset,
    *,
    cameras: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
    episodes: Sequence[int] | None = None,
    folder: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Frames:
    """Frames of a data set, decoded on the first call and memory-mapped from then on.

    cameras   names, all by default
    size      (height, width) of RGB frames, as recorded by default; not for sets with depth, segmentation or scene flow
    episodes  which to keep, in this order; the cache holds all of them and serves any choice
    folder    where caches lie; inside the data set by default
    progress  called with (episodes done, episodes in all) while decoding
    """
    if not len(dataset):
        cause = "it was created, and the recording ended before its first episode was over."
        raise DataError("it holds no episode, so there is nothing to learn from.", cause=cause, remedy="Record or convert into it first.", path=dataset.root)
    wanted = tuple(dataset.cameras if cameras is None else cameras)
    home = Path(folder) if folder is not None else dataset.root / "cache"
    place = home / fingerprint(dataset, wanted, size)
    if not place.exists():
        build(dataset, wanted, size, place, progress or (lambda done, total: None))
    return choose(read_cache(place, spec_for(dataset.spec, wanted, size)), episodes)


def spec_for(spec: DataSpec, cameras: Sequence[str], size: tuple[int, int] | None) -> DataSpec:
    """The spec of what the cache holds: these cameras at this size; intrinsics are scaled along."""
    kept = {}
    for name in cameras:
        camera = spec.observes.cameras[name]
        if size is not None and (camera.height, camera.width) != size:
            camera = replace(camera, height=size[0], width=size[1], intrinsics=scaled(camera, size))
        kept[name] = camera
    return replace(spec, observes=replace(spec.observes, cameras=kept))


def scaled(camera: Camera, size: tuple[int, int]) -> tuple[float, ...]:
    """fx, fy, cx, cy after resizing; pixel centres are whole numbers, so the picture begins at -0.5."""
    if not camera.intrinsics:
        return ()
    across, down = size[1] / camera.width, size[0] / camera.height
    fx, fy, cx, cy = camera.intrinsics
    return fx * across, fy * down, (cx + 0.5) * across - 0.5, (cy + 0.5) * down - 0.5


def fingerprint(dataset: EpisodeDataset, cameras: Sequence[str], size: tuple[int, int] | None) -> str:
    """A short name for everything that the content depends on."""
    files = {entry.table for entry in dataset.episodes} | set(pictures_apart(dataset))
    files |= {span.path for entry in dataset.episodes for span in entry.videos.values()}
    known = [(str(path.relative_to(dataset.root)), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(files) if path.exists()]
    spans = [(entry.index, entry.length, {key: (span.path.name, span.start) for key, span in entry.videos.items()}) for entry in dataset.episodes]
    return digest([known, spans, list(dataset.tasks), [VERSION, *_asked(dataset, cameras, size)]])


def _asked(dataset: EpisodeDataset, cameras: Sequence[str], size: tuple[int, int] | None) -> list[Any]:
    """What stays the same while a set grows or is corrected, and from one version of this code to the next."""
    return [list(cameras), size, dataset.spec.to_dict()]


def digest(content: Any) -> str:
    """Sixteen hexadecimal digits."""
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]


def pictures_apart(dataset: EpisodeDataset) -> Iterator[Path]:
    """Pictures that lie in files of their own instead of in the table. Reads names of files, and those only of tables that have such."""
    keys = [feature.key for feature in dataset.info.features if feature.dtype == "image"]
    for table in sorted({entry.table for entry in dataset.episodes if entry.table.exists()} if keys else ()):
        file = open_table(table).file
        leaves = {file.schema.column(number).path: number for number in range(len(file.schema))}
        for key in keys:
            if f"{key}.path" in leaves and not _all_held(file.metadata, leaves.get(f"{key}.bytes")):
                cells = file.read(columns=[f"{key}.path"], use_threads=False)[key].to_pylist()
                yield from {dataset.root / cell["path"] for cell in cells if cell and cell["path"] is not None}


def _all_held(metadata: Any, leaf: int | None) -> bool:
    """Does the table say that no value of this column is absent?"""
    if leaf is None:
        return False
    told = [metadata.row_group(number).column(leaf).statistics for number in range(metadata.num_row_groups)]
    return all(one is not None and one.has_null_count and one.null_count == 0 for one in told)


def build(dataset: EpisodeDataset, cameras: Sequence[str], size: tuple[int, int] | None, place: Path, progress: Callable[[int, int], None]) -> None:
    """Decode every episode into a new cache folder."""
    temporary = unfinished(place)
    try:
        remove_abandoned(place.parent)
        temporary.mkdir(parents=True)
        lock = locked(temporary)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise DataError(f"cannot write a cache here ({error}).", remedy="Pass folder=, a place that can be written.", path=place.parent) from error
    arrays: dict[str, NDArray[Any]] = {}
    sentences: dict[str, int] = {}
    instructions, position = [], 0
    of = digest([str(dataset.root.resolve()), _asked(dataset, cameras, size)])
    try:
        for number in range(len(dataset)):
            episode = dataset.read(number, cameras=cameras)
            words = episode.instruction
            instructions.append(-1 if words is None else sentences.setdefault(words, len(sentences)))
            for path, tensor in flatten(episode).items():
                values = resized(path, rest(path, tensor), size)
                if path not in arrays:
                    shape = (dataset.frames, *values.shape[1:])
                    arrays[path] = np.lib.format.open_memmap(temporary / f"{path}.npy", "w+", values.dtype, shape)
                if values.shape[1:] != arrays[path].shape[1:]:
                    raise DataError(
                        f"{path} has shape {values.shape[1:]}, earlier episodes have {arrays[path].shape[1:]}.",
                        remedy="Pass size= to bring frames to one size, or drop the episode.",
                        path=dataset.episodes[number].table,
                        episode=number,
                    )
                arrays[path][position : position + len(values)] = values
            position += dataset.episodes[number].length
            progress(number + 1, len(dataset))
        for array in arrays.values():
            array.flush()  # type: ignore[attr-defined]
        lengths = [entry.length for entry in dataset.episodes]
        meta = {"of": of, "lengths": lengths, "instructions": instructions, "sentences": list(sentences)}
        (temporary / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        sync(*temporary.iterdir(), temporary)
        try:
            temporary.rename(place)
        except OSError:
            if not place.exists():  # another process may have been faster
                raise
        (place / LOCK).unlink(missing_ok=True)  # only now: until it has its name, a kill leaves what is seen to be abandoned
        remove_earlier(place, of, dataset.root / "cache")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        os.close(lock)


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


def resized(path: str, values: NDArray[Any], size: tuple[int, int] | None) -> NDArray[Any]:
    """RGB at the wanted size; DataError for maps that cannot be averaged."""
    if size is None or values.ndim < 3 or values.shape[-2:] == size:
        return values
    if path.startswith("observation.rgb."):
        return resize_area(values, size)
    if path.startswith(("observation.depth.", "truth.segmentation.", "truth.scene_flow.")):
        raise DataError(f"{path} cannot be resized by averaging.", remedy="Record at the size you need, or leave this camera out.")
    return values


def read_cache(place: Path, spec: DataSpec) -> Frames:
    """Open a cache folder; nothing is read before it is used."""
    meta = read_json(place / "meta.json", remedy="Delete this cache folder; it will be made again.")
    # copy-on-write mapping: the file stays untouched, and torch gets the writable array that it wants
    fields = {file.name.removesuffix(".npy"): np.lib.format.open_memmap(file, "c").view(np.ndarray) for file in sorted(place.glob("*.npy"))}
    lengths = np.array(meta["lengths"], np.int64)
    return Frames(
        fields=fields,
        starts=np.cumsum(lengths) - lengths,
        lengths=lengths,
        instructions=np.array(meta["instructions"], np.int64),
        sentences=tuple(meta["sentences"]),
        spec=spec,
    )


def choose(frames: Frames, episodes: Sequence[int] | None) -> Frames:
    """The same arrays, of which only these episodes are used."""
    if episodes is None:
        return frames
    index = np.array(episodes, np.int64)
    return replace(frames, lengths=frames.lengths[index], starts=frames.starts[index], instructions=frames.instructions[index])
