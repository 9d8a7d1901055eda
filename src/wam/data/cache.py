"""Decode a data set once into memory-mapped arrays; open them read-only ever after.

A cache is a folder of .npy files, one per field, named by a fingerprint of everything it depends on (files by size and
time, where in them episodes lie, cameras, frame size, this code's version). How such folders come and go: `cache_folder`.
RGB is uint8, resized by area averaging where a size is asked for.
Does not know: windows. Footgun: copying a data set changes file times, so its copy makes a cache of its own.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wam.data.cache_folder import new_array, written
from wam.data.columns import flatten
from wam.data.dataset import EpisodeDataset
from wam.data.errors import DataError
from wam.data.frames import Frames, rest
from wam.data.layout import read_json
from wam.data.meaning import DataSpec
from wam.data.pictures import resize_area
from wam.data.table import open_table
from wam.world.specs import Camera

VERSION = 2  # raise when the content of a cache changes


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
    of = digest([str(dataset.root.resolve()), _asked(dataset, cameras, size)])
    with written(place, of, own=dataset.root / "cache") as folder:
        lengths = [entry.length for entry in dataset.episodes]
        meta = {"of": of, "lengths": lengths, **fill(dataset, cameras, size, folder, progress)}
        (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def fill(
    dataset: EpisodeDataset, cameras: Sequence[str], size: tuple[int, int] | None, folder: Path, progress: Callable[[int, int], None]
) -> dict[str, list[Any]]:
    """Write the arrays of all episodes, one after the other. Returns their instructions, by number, and the sentences that these point into."""
    arrays: dict[str, NDArray[Any]] = {}
    sentences: dict[str, int] = {}
    instructions, position = [], 0
    for number in range(len(dataset)):
        episode = dataset.read(number, cameras=cameras)
        words = episode.instruction
        instructions.append(-1 if words is None else sentences.setdefault(words, len(sentences)))
        for path, tensor in flatten(episode).items():
            values = resized(path, rest(path, tensor), size)
            if path not in arrays:
                shape = (dataset.frames, *values.shape[1:])
                arrays[path] = new_array(folder / f"{path}.npy", values.dtype, shape)
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
    return {"instructions": instructions, "sentences": list(sentences)}


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
