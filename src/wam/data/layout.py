"""The LeRobot data set layout, versions 2.0, 2.1 and 3.0, as typed values: what meta/ says and which file holds what.

Source: the format's public description, restated field by field in docs/data-format.md.
Knows: meta/info.json, episodes, tasks and where an episode's rows and video frames lie.
Does not know: what the numbers mean (units, action representation: `meaning.py`), pixels, windows.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wam.data.errors import DataError

VERSIONS = ("v2.0", "v2.1", "v3.0")
DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES_PATH = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
CHUNK = 1000  # files per chunk folder
DATA_MEGABYTES, VIDEO_MEGABYTES = 100, 200  # size at which a new file is begun
RECORDING = "recording"  # folder of episodes that are not consolidated yet (this library's own)

ABSENT = "another folder was meant, or the set was copied or downloaded in part."
CAMERA_PREFIX = "observation.images."
DEPTH_SUFFIX = "_depth"


@dataclass(frozen=True)
class Feature:
    """One column, or one video stream, of the data set."""

    key: str  # e.g. "observation.state"
    dtype: str  # "float32", "int64", "bool", "string", ..., or "image", or "video"
    shape: tuple[int, ...]  # as declared; pictures may be (h, w, 3) or (3, h, w)
    names: tuple[str, ...] = ()  # of the entries of the last axis, where declared
    axes: tuple[str, ...] = ()  # of a picture, as declared, e.g. ("height", "width", "channels")
    depth: bool = False  # a depth map

    @property
    def visual(self) -> bool:
        """A picture, stored in the table ("image") or as a stream ("video")."""
        return self.dtype in ("image", "video")

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of a picture."""
        if len(self.shape) != 3:
            raise DataError(
                f"feature {self.key!r} is a picture of shape {self.shape}; expected three axes.",
                cause="meta/info.json was written by hand or by another tool.",
                remedy="Correct its shape in meta/info.json.",
            )
        first = self.axes[0] if self.axes else ("channels" if self.shape[0] in (1, 3) else "height")
        return self.shape[1:] if first.startswith("c") else self.shape[:2]

    @staticmethod
    def of(key: str, raw: dict[str, Any]) -> "Feature":
        """From its entry in meta/info.json."""
        info = raw.get("info") or raw.get("video_info") or {}
        names = flat_names(raw.get("names"))
        visual = raw["dtype"] in ("image", "video")
        return Feature(
            key=key,
            dtype=raw["dtype"],
            shape=tuple(raw["shape"]),
            names=() if visual else names,
            axes=names if visual else (),
            depth=bool(info.get("is_depth_map", info.get("video.is_depth_map", False))),
        )

    def entry(self, fps: float) -> dict[str, Any]:
        """Its entry in meta/info.json."""
        names = self.axes if self.visual else self.names
        raw: dict[str, Any] = {"dtype": self.dtype, "shape": list(self.shape), "names": list(names) or None}
        if self.dtype == "video":
            from wam.data.video import pixel_format

            height, width = self.size
            raw["info"] = {
                "video.height": height,
                "video.width": width,
                "video.codec": "h264",
                "video.pix_fmt": pixel_format(height, width),
                "video.fps": fps,
                "video.channels": 3,
                "is_depth_map": False,
                "has_audio": False,
            }
        elif self.depth:
            raw["info"] = {"is_depth_map": True, "unit": "mm"}
        return raw


BOOKKEEPING = (
    Feature("timestamp", "float32", (1,)),  # s since the episode's first frame
    Feature("frame_index", "int64", (1,)),  # within the episode
    Feature("episode_index", "int64", (1,)),
    Feature("index", "int64", (1,)),  # within the data set
    Feature("task_index", "int64", (1,)),
)
BOOKKEEPING_KEYS = frozenset(feature.key for feature in BOOKKEEPING)


def flat_names(raw: Any) -> tuple[str, ...]:
    """The three spellings found in public data sets: a list, {"axes": a list} or None, nested lists included."""
    if raw is None:
        return ()
    if isinstance(raw, dict):
        return tuple(name for part in raw.values() for name in flat_names(part))
    if isinstance(raw, list):
        return tuple(name for part in raw for name in flat_names(part))
    return (str(raw),)


@dataclass(frozen=True)
class DatasetInfo:
    """meta/info.json."""

    version: str  # "v2.0", "v2.1" or "v3.0"
    fps: float  # frames, so rows, per second
    features: tuple[Feature, ...]
    robot: str | None = None
    total_episodes: int = 0
    total_frames: int = 0
    total_tasks: int = 0
    chunks_size: int = CHUNK
    data_path: str = DATA_PATH
    video_path: str | None = VIDEO_PATH

    @staticmethod
    def read(root: Path) -> "DatasetInfo":
        """Raises DataError where the file is absent, broken or of another version."""
        path = root / "meta" / "info.json"
        raw = read_json(path, remedy="Give the folder that holds meta/, data/ and videos/.")
        version = str(raw.get("codebase_version", "absent"))
        if version not in VERSIONS:
            raise DataError(
                f"codebase_version is {version!r}; this library reads {', '.join(VERSIONS)}.",
                cause="the set was written by a tool newer or older than these versions.",
                remedy="Convert the set with the tool of the format's authors, or record it again.",
                path=path,
            )
        missing = [key for key in ("fps", "features", "data_path") if key not in raw]
        if missing:
            cause = "meta/info.json was written by hand or by another tool."
            raise DataError(f"{', '.join(missing)} missing.", cause=cause, remedy="Add what docs/data-format.md lists.", path=path)
        try:
            fps = float(raw["fps"])
        except (TypeError, ValueError):
            fps = math.nan
        if not 0 < fps < math.inf:
            raise DataError(
                f"fps is {raw['fps']!r}, expected frames per second, above 0.",
                cause="meta/info.json was written by hand or by another tool.",
                remedy="Correct it: fps is 1 over the seconds from one frame to the next.",
                path=path,
            )
        try:
            return DatasetInfo._of(raw, version, fps)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"something in it is absent or of another kind ({type(error).__name__}: {error}).",
                cause="meta/info.json was written by hand or by another tool.",
                remedy="Give every feature dtype and shape, and the rest as docs/data-format.md lists it.",
                path=path,
            ) from error

    @staticmethod
    def _of(raw: dict[str, Any], version: str, fps: float) -> "DatasetInfo":
        if not isinstance(raw["data_path"], str):
            raise TypeError(f"data_path is {raw['data_path']!r}")
        return DatasetInfo(
            version=version,
            fps=fps,
            features=tuple(Feature.of(key, entry) for key, entry in raw["features"].items()),
            robot=raw.get("robot_type"),
            total_episodes=int(raw.get("total_episodes", 0)),
            total_frames=int(raw.get("total_frames", 0)),
            total_tasks=int(raw.get("total_tasks", 0)),
            chunks_size=int(raw.get("chunks_size", CHUNK)),
            data_path=raw["data_path"],
            video_path=raw.get("video_path"),
        )

    def json(self) -> dict[str, Any]:
        """What goes into meta/info.json."""
        return {
            "codebase_version": self.version,
            "robot_type": self.robot,
            "total_episodes": self.total_episodes,
            "total_frames": self.total_frames,
            "total_tasks": self.total_tasks,
            "chunks_size": self.chunks_size,
            "data_files_size_in_mb": DATA_MEGABYTES,
            "video_files_size_in_mb": VIDEO_MEGABYTES,
            "fps": int(self.fps) if self.fps == int(self.fps) else self.fps,
            "splits": {"train": f"0:{self.total_episodes}"},
            "data_path": self.data_path,
            "video_path": self.video_path,
            "features": {feature.key: feature.entry(self.fps) for feature in self.features},
        }

    def feature(self, key: str) -> Feature | None:
        """The feature of that key, or None."""
        return next((feature for feature in self.features if feature.key == key), None)


@dataclass(frozen=True)
class VideoSpan:
    """Where an episode's frames of one camera lie."""

    path: Path
    start: float  # s, time of the episode's first frame in that file


@dataclass(frozen=True)
class EpisodeEntry:
    """One episode of the index: how long it is and which files hold it."""

    index: int
    length: int  # rows, so frames
    tasks: tuple[str, ...]
    table: Path  # parquet file; its rows of this episode have this episode_index
    videos: dict[str, VideoSpan] = field(default_factory=dict)  # by feature key
    seed: int | None = None  # of the environment, where recorded in one
    success: bool | None = None
    source: str | None = None  # what it was converted or recorded from


def read_json(path: Path, *, remedy: str) -> dict[str, Any]:
    """A JSON object; DataError where it is absent or broken."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError("the file is absent.", cause=ABSENT, remedy=remedy, path=path) from error
    except ValueError as error:
        raise DataError(f"not valid JSON ({error}).", remedy="Restore it from the source of the data set.", path=path) from error
    if not isinstance(raw, dict):
        raise DataError(f"holds a {type(raw).__name__}; expected an object.", remedy=remedy, path=path)
    return raw


def read_lines(path: Path, *, remedy: str) -> list[dict[str, Any]]:
    """The objects of a JSON-lines file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError("the file is absent.", cause=ABSENT, remedy=remedy, path=path) from error
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except ValueError as error:
        raise DataError(f"a line is not valid JSON ({error}).", remedy="Restore it from the source.", path=path) from error
