"""Decode a data set once into memory-mapped arrays; open them read-only ever after.

A cache is a folder of .npy files, one per field, named by a fingerprint of everything it depends on (files by size and
time, cameras, frame size, this code's version). It is written under another name and renamed when complete, so a cache
that exists is whole. RGB is uint8, resized by area averaging where a size is asked for.
Does not know: windows. Footgun: copying a data set changes file times, so its copy makes a cache of its own.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
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
from wam.world.specs import Camera

VERSION = 1  # raise when the content of a cache changes


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
    files = {entry.table for entry in dataset.episodes}
    files |= {span.path for entry in dataset.episodes for span in entry.videos.values() if span.path.exists()}
    known = [(str(path.relative_to(dataset.root)), path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(files) if path.exists()]
    lengths = [(entry.index, entry.length) for entry in dataset.episodes]
    content = json.dumps([VERSION, known, lengths, list(cameras), size, dataset.spec.to_dict(), list(dataset.tasks)])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def build(dataset: EpisodeDataset, cameras: Sequence[str], size: tuple[int, int] | None, place: Path, progress: Callable[[int, int], None]) -> None:
    """Decode every episode into a new cache folder."""
    temporary = place.with_name(f"{place.name}-{os.getpid()}.writing")
    remove_abandoned(place.parent)
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise DataError(f"cannot write a cache here ({error}).", remedy="Pass folder=, a place that can be written.", path=place.parent) from error
    arrays: dict[str, NDArray[Any]] = {}
    sentences: dict[str, int] = {}
    instructions, position = [], 0
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
        meta = {"lengths": [entry.length for entry in dataset.episodes], "instructions": instructions, "sentences": list(sentences)}
        (temporary / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        sync(*temporary.iterdir(), temporary)
        if not place.exists():  # another process may have been faster
            temporary.rename(place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_abandoned(home: Path) -> None:
    """Half-written caches whose process is gone."""
    for path in home.glob("*-*.writing"):
        try:
            os.kill(int(path.stem.split("-")[-1]), 0)
        except ProcessLookupError:
            shutil.rmtree(path, ignore_errors=True)
        except PermissionError:  # alive, of another user
            continue


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
