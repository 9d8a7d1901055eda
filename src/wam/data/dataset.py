"""Open a LeRobot data set and read its episodes.

    dataset = open_dataset("runs/push")            # a folder, or a Hub id "owner/name"
    episode = dataset.read(3)                      # an Episode: B = 1, action[t] led to observation[t]

Opening reads meta/ only. Knows: which columns an episode needs and how pictures are decoded.
Does not know: windows, caches, normalisation.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wam.data.columns import FLOW, OURS, SEGMENTATION, episode_from, path_of
from wam.data.episode import Episode
from wam.data.errors import DataError
from wam.data.index import Note, read_index
from wam.data.layout import BOOKKEEPING_KEYS, DEPTH_SUFFIX, DatasetInfo, EpisodeEntry, Feature
from wam.data.meaning import DataSpec, camera_name, read_meaning, spec_of_info
from wam.data.pictures import decode_picture
from wam.data.table import column_array, open_table
from wam.data.video import read_video
from wam.world.spec import SpecError


@dataclass(frozen=True)
class EpisodeDataset:
    """Episodes on disk. `spec` says what the numbers mean; `notes` what was accepted although it deviates."""

    root: Path
    info: DatasetInfo
    spec: DataSpec
    described: bool  # False: a foreign set, units and limits unknown
    episodes: tuple[EpisodeEntry, ...]
    tasks: tuple[str, ...]  # sentences by task_index
    notes: tuple[Note, ...]

    def __len__(self) -> int:
        return len(self.episodes)

    def __iter__(self) -> Iterator[Episode]:
        return (self.read(index) for index in range(len(self)))

    @property
    def frames(self) -> int:
        """Frames of all episodes."""
        return sum(entry.length for entry in self.episodes)

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the cameras that can be read."""
        return tuple(self.spec.observes.cameras)

    def read(self, index: int, *, cameras: Sequence[str] | None = None) -> Episode:
        """Episode `index` with these cameras (all by default, () for none). Raises DataError, naming file and episode."""
        if not 0 <= index < len(self):
            raise DataError(f"the set has {len(self)} episodes.", remedy="Ask for 0 and up.", path=self.root, episode=index)
        wanted = set(self.cameras if cameras is None else cameras)
        if unknown := wanted - set(self.cameras):
            known = "".join(f" Note: {note.what}." for note in self.notes if any(name in note.what for name in unknown))
            raise DataError(f"no camera {sorted(unknown)}; there are {list(self.cameras)}.{known}", remedy="Name one of these.", path=self.root)
        entry = self.episodes[index]
        columns = self.columns(index, [feature for feature in self.info.features if self.readable(feature, wanted)])
        episode = episode_from({key: array for key, array in columns.items() if key not in BOOKKEEPING_KEYS}, self.spec, entry.length)
        return replace(episode, instruction=self.instruction(index), seed=entry.seed, source=entry.source)

    def readable(self, feature: Feature, cameras: set[str]) -> bool:
        """Is this feature part of an episode read with these cameras?"""
        for maps in (SEGMENTATION, FLOW):
            if feature.key.startswith(maps):
                return feature.key.removeprefix(maps) in cameras
        if feature.depth and not feature.key.startswith(OURS):
            return feature.dtype == "image" and not cameras.isdisjoint((camera_name(feature.key), camera_name(feature.key).removesuffix(DEPTH_SUFFIX)))
        if feature.visual:
            return camera_name(feature.key) in cameras
        return feature.dtype != "string" and path_of(feature.key) is not None

    def columns(self, index: int, features: Sequence[Feature]) -> dict[str, NDArray[Any]]:
        """Raw columns of an episode as they lie on disk: action FOLLOWS observation. Pictures as "T c h w"."""
        entry = self.episodes[index]
        file = open_table(entry.table)
        stored = [feature for feature in features if feature.dtype != "video"]
        if absent := [feature.key for feature in stored if feature.key not in file.columns]:
            raise DataError(
                f"columns {absent} are declared but not in the table.",
                cause="meta/info.json or the table was edited, or they are of different sets.",
                remedy="Correct meta/info.json, or copy the file again.",
                path=entry.table,
                episode=index,
            )
        table = file.rows(index, [feature.key for feature in stored])
        require_rows(len(table), entry)
        found = {}
        for feature in features:
            if feature.dtype == "video":
                span = entry.videos[feature.key]
                found[feature.key] = read_video(span.path, entry.length, start=span.start, fps=self.info.fps, episode=index)
            elif feature.dtype == "image":
                found[feature.key] = self._pictures(table[feature.key], feature, entry)
            else:
                found[feature.key] = column_array(table[feature.key], feature.shape, key=feature.key, path=entry.table, episode=index)
            if feature.visual and len(feature.shape) == 3 and found[feature.key].shape[-2:] != feature.size:
                height, width = found[feature.key].shape[-2:]
                raise DataError(
                    f"{feature.key} has pictures of {height} x {width} pixels (height x width), meta/info.json declares {feature.size[0]} x {feature.size[1]}.",
                    cause="they were resized after recording, or the shape was written by hand.",
                    remedy="Correct the shape in meta/info.json, or bring the pictures to that size.",
                    path=entry.table if feature.dtype == "image" else entry.videos[feature.key].path,
                    episode=index,
                )
        return found

    def _pictures(self, column: Any, feature: Feature, entry: EpisodeEntry) -> NDArray[Any]:
        depth = feature.depth or feature.key.startswith((SEGMENTATION, FLOW))
        frames = []
        for row, cell in enumerate(column.to_pylist()):
            data = self._bytes(cell, f"{feature.key}, row {row}", entry)
            frames.append(decode_picture(data, depth=depth, path=entry.table, episode=entry.index))
        if len(sizes := {frame.shape for frame in frames}) > 1:
            raise DataError(
                f"{feature.key} has pictures of the shapes {sorted(sizes)}.",
                cause="the camera's settings changed while recording.",
                remedy="Bring them to one size, or drop the episode.",
                path=entry.table,
                episode=entry.index,
            )
        return np.stack(frames)

    def _bytes(self, cell: dict[str, Any] | None, where: str, entry: EpisodeEntry) -> bytes:
        """Of an encoded picture, which lies in the table or in a file of its own."""
        cell = cell or {}
        if cell.get("bytes") is not None:
            return bytes(cell["bytes"])
        path = None if cell.get("path") is None else self.root / cell["path"]
        if path is None or not path.is_file():
            raise DataError(
                f"{where}: {'there is no picture' if path is None else f'the picture {path} is not there'}.",
                cause="the frame was lost while recording, or a folder was not copied.",
                remedy="Copy the set again from its source, or drop the episode.",
                path=entry.table,
                episode=entry.index,
            )
        found: bytes = path.read_bytes()
        return found

    def instruction(self, index: int) -> str | None:
        """The sentence of an episode's first row; None where there are no tasks or the sentence is empty."""
        entry = self.episodes[index]
        file = open_table(entry.table)
        if "task_index" in file.columns and self.tasks:
            rows = file.rows(index, ["task_index"])["task_index"]
            if not len(rows):
                require_rows(0, entry)
            number = int(rows[0].as_py())
            if not 0 <= number < len(self.tasks):
                raise DataError(f"task_index is {number}; there are {len(self.tasks)} tasks.", remedy="Restore meta/tasks.", path=entry.table, episode=index)
            return self.tasks[number] or None
        return (entry.tasks[0] or None) if entry.tasks else None


def require_rows(count: int, entry: EpisodeEntry) -> None:
    """DataError where an episode's table does not hold as many rows as the index says."""
    if count != entry.length:
        raise DataError(
            f"{count} rows in the table, {entry.length} in the episode index.",
            cause="the file was cut off, or the index is stale.",
            remedy="Copy the set again, or drop the episode.",
            path=entry.table,
            episode=entry.index,
        )


def open_dataset(path: str | Path, *, spec: DataSpec | None = None) -> EpisodeDataset:
    """Open a local folder, or a data set of the Hugging Face Hub by its id (needs the extra `hub` and a network).

    `spec` gives meaning to a foreign set (units, limits); a set written by this library carries its own.
    """
    require_extra()
    root = Path(path)
    if not root.exists():
        root = download(str(path))
    info = DatasetInfo.read(root)
    index = read_index(root, info)
    meaning = read_meaning(root)
    if meaning is not None and spec is not None and meaning != spec:
        raise DataError("the set carries another spec than the given one.", remedy="Open it without `spec`.", path=root / "meta/wam.json")
    try:
        used = meaning or spec or spec_of_info(info)
    except SpecError as error:
        cause = "meta/info.json was written by hand or by another tool."
        raise DataError(str(error), cause=cause, remedy="Correct the shapes and names there.", path=root / "meta/info.json") from error
    if abs(used.rate / info.fps - 1) > 0.01:
        told = "meta/wam.json" if meaning is not None else "the given spec"
        raise DataError(
            f"{told} says {used.rate:g} steps per second, the frames were recorded at {info.fps:g}.",
            cause="models would take the one for the other, and act too fast or too slowly.",
            remedy="Give the spec the rate of the frames; a slower clock is the preset's `skip`.",
            path=root / "meta/info.json",
        )
    lost = {camera_name(key) for key in index.missing_videos}
    cameras = {name: camera for name, camera in used.observes.cameras.items() if name not in lost}
    if lost:
        used = replace(used, observes=replace(used.observes, cameras=cameras))
    dataset = EpisodeDataset(root, info, used, meaning is not None or spec is not None, index.episodes, index.tasks, index.notes)
    return replace(dataset, notes=index.notes + unread(dataset) + (() if dataset.described else unnamed(info)))


def unread(dataset: EpisodeDataset) -> tuple[Note, ...]:
    """What no episode will show, so that nothing is left out in silence."""
    left = [f for f in dataset.info.features if f.key not in BOOKKEEPING_KEYS and not dataset.readable(f, set(dataset.cameras))]
    maps = [feature for feature in left if feature.depth and not feature.key.startswith(OURS)]
    columns = ", ".join(feature.key for feature in left if not feature.visual)
    told = [f"columns with no place in an episode are not read: {columns}"] if columns else []
    for feature in maps:
        if feature.dtype == "video":
            told.append(f"depth {feature.key!r} is not read: in a video its millimetres are lost. Store it as 16-bit PNG")
        else:
            name = f"{camera_name(feature.key).removesuffix(DEPTH_SUFFIX)!r}"
            told.append(f"depth {feature.key!r} is not read: there is no camera {name} that it belongs to. Pass a spec with that camera")
    return tuple(Note(what, "meta/info.json") for what in told)


def unnamed(info: DatasetInfo) -> tuple[Note, ...]:
    """Slots whose names in a foreign set do not tell them apart."""
    twice = {f.key: [name for name in f.names if f.names.count(name) > 1] for f in info.features if f.key in ("action", "observation.state")}
    return tuple(Note(f"{key} has the name {names[0]!r} more than once; its slots are numbered", "meta/info.json") for key, names in twice.items() if names)


def download(name: str) -> Path:
    """A data set of the Hub as a local folder."""
    if name.count("/") != 1 or name.startswith((".", "/")):
        cause = "the path is misspelt, or relative to another folder than the present one."
        raise DataError("no such folder.", cause=cause, remedy="Give a folder, or a Hub id of the form owner/name.", path=name)
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise ImportError(f"{name!r} is no folder, and reading it from the Hub needs: pip install 'wam[hub]'") from error
    try:
        return Path(snapshot_download(name, repo_type="dataset"))
    except Exception as error:  # network, authorisation, no such set: many types, one meaning for the caller
        why = (str(error).splitlines() or [type(error).__name__])[0]
        what = f"there is no such folder, and no data set of that name on the Hub that can be read ({why})."
        cause = "the path is misspelt, or relative to another folder; of a Hub id: the set is not public, or there is no network."
        raise DataError(what, cause=cause, remedy="Check the name and the network.", path=name) from error


def require_extra() -> None:
    """ImportError that names the extra where pyarrow, PyAV or Pillow is absent."""
    try:
        import av
        import PIL
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError(f"reading and writing data sets needs {error.name}: pip install 'wam[data]'") from error
    del av, PIL
