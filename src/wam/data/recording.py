"""Record episodes as a LeRobot 3.0 data set, one atomic step per episode.

    with Recorder("runs/push", DataSpec.of_world(env.spec)) as recorder:
        for episode in cut(rollout(...), env.spec.sentences):
            recorder.write(episode)

While recording, each episode is a folder of its own under recording/, written under another name, flushed to disk and then
renamed: a kill at any moment loses at most the episode being written, and the set opens in every state (a power cut may
also take the episodes of the last seconds, but leaves no half one). Closing consolidates (`consolidation.py`). One writer at
a time (a file lock that dies with its process).

Small frames (<= 96 px) are stored bit for bit as PNG in the table, larger ones as H.264, depth as 16-bit PNG.
Episodes of evaluation seeds (>= 2,000,000) are refused: what is judged on must not be trained on.
"""

import fcntl
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from wam.data.columns import disk_columns, features_of
from wam.data.consolidation import consolidate, recover
from wam.data.dataset import require_extra
from wam.data.episode import Episode
from wam.data.errors import DataError
from wam.data.fit import episode_misfits, misfits
from wam.data.index import FACTS, PENDING_TABLE, read_index
from wam.data.layout import BOOKKEEPING, RECORDING, DatasetInfo, Feature
from wam.data.meaning import MEANING_PATH, DataSpec, read_meaning
from wam.data.pictures import encode_png
from wam.data.statistics import picture_summary, summary
from wam.data.table import make_table
from wam.data.video import SMALL, write_video
from wam.data.video import rate as video_rate
from wam.files import replace_text, sync
from wam.world.seeds import EVALUATION_SEEDS

Storage = Literal["auto", "lossless", "video"]


class Recorder:
    """Writes episodes that fit `spec`.

    storage  "auto": frames up to 96 px lossless, larger ones as video; "lossless": all PNG; "video": all H.264
    resume   continue a data set that this library wrote; without it the folder must be new or empty
    """

    def __init__(self, path: str | Path, spec: DataSpec, *, storage: Storage = "auto", resume: bool = False):
        require_extra()
        self.root, self.spec, self.storage = Path(path), spec, storage
        self._lock: int | None = None
        self._owner = os.getpid()
        if abs(video_rate(spec.rate) / spec.rate - 1) > 0.01:
            raise DataError(f"{spec.rate:g} frames per second are too few for the clock of videos.", remedy="Record at 0.1 per second or more.", path=self.root)
        begun = holds_nothing(self.root)
        if not begun and not resume:
            raise DataError(
                "the folder is not empty.",
                remedy="Choose a new folder, or add to this set: Recorder(..., resume=True), or `wam record --resume` for one of a world.",
                path=self.root,
            )
        if not begun and not (self.root / MEANING_PATH).exists():
            raise DataError(
                f"there is no {MEANING_PATH}, so this library did not write what is here and cannot continue it.",
                cause="another tool recorded it, or the file was deleted.",
                remedy="Record into a new folder; `wam data join` puts sets together.",
                path=self.root,
            )
        (self.root / "meta").mkdir(parents=True, exist_ok=True)
        self._lock = lock(self.root)
        try:
            if begun and not holds_nothing(self.root):  # looked at again, now that nobody else can write
                raise DataError("another recorder wrote into the folder meanwhile.", remedy="Continue its set, or choose a new folder.", path=self.root)
            self._open(fresh=begun)
        except BaseException:
            self._release()
            raise

    def _open(self, *, fresh: bool) -> None:
        """Start the set, or read what is there."""
        if fresh:
            self._write_info(DatasetInfo("v3.0", self.spec.rate, (), self.spec.embodiment or None))
            replace_text(self.root / MEANING_PATH, self.spec.to_json())
        elif read_meaning(self.root) != self.spec:
            raise DataError("it was recorded with another spec.", remedy="Record into another folder.", path=self.root / MEANING_PATH)
        else:
            recover(self.root)
        self.info = DatasetInfo.read(self.root)
        index = read_index(self.root, self.info)
        self.tasks = list(index.tasks)
        self.episodes, self.frames = len(index.episodes), sum(entry.length for entry in index.episodes)

    def write(self, episode: Episode, *, found: tuple[Path, int] | None = None) -> int:
        """Store one episode and return its number. Raises DataError where it does not fit the spec or its seed is for evaluation.

        `found`: the set that it was read from and its number there, which an error then names.
        """
        self._require(episode, *(found or (self.root, self.episodes)))
        columns = disk_columns(episode)
        if odd := {key: len(array) for key, array in columns.items() if len(array) != episode.length}:
            raise DataError(
                f"it has {episode.length} steps, and {odd} rows of these.",
                cause="actions[t] leads to frame t, so there are as many of both; the first is not valid.",
                remedy="Give every part as many steps.",
                path=self.root,
                episode=self.episodes,
            )
        features = (*features_of(columns, self.spec, self._streams(columns)), *BOOKKEEPING)
        info = self.info if self.episodes else replace(self.info, features=features)
        if set(features) != set(info.features):
            ours, theirs = {f.key: f for f in features}, {f.key: f for f in info.features}
            differ = sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))
            raise DataError(
                f"columns {differ} differ from those of the first episode.",
                remedy="Record the same fields in every episode.",
                path=self.root,
                episode=self.episodes,
            )
        task = episode.instruction or ""
        tasks = self.tasks if task in self.tasks else [*self.tasks, task]
        columns |= self._bookkeeping(episode.length, tasks.index(task))
        temporary = self.root / RECORDING / f"{self.episodes:06d}.writing"
        final = self.root / RECORDING / f"episode-{self.episodes:06d}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        success = None if episode.success is None else bool(episode.success[0, -1])
        facts = {"index": self.episodes, "length": episode.length, "tasks": [task], "seed": episode.seed, "success": success, "source": episode.source}
        self._write_files(temporary, info.features, columns, {**facts, "stats": episode_summary(columns)})
        sync(*temporary.iterdir())
        if not self.episodes:
            self._write_info(info)
        temporary.rename(final)
        self.info, self.tasks, self.episodes, self.frames = info, tasks, self.episodes + 1, self.frames + episode.length  # nothing counts before it is stored
        return self.episodes - 1

    def close(self) -> None:
        """Consolidate all finished episodes into the files of LeRobot 3.0. Safe to call twice, and to be killed in."""
        if self._lock is not None:
            try:
                consolidate(self.root)
            finally:
                self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._release()  # finished episodes stay readable; resume=True continues

    def __del__(self) -> None:
        self._release()  # of a recorder that was dropped without `close`

    def _release(self) -> None:
        handle, self._lock = getattr(self, "_lock", None), None
        if handle is not None:
            if os.getpid() == self._owner:  # a process that was forked meanwhile holds the lock too; it must neither keep nor free it
                fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)

    def _require(self, episode: Episode, path: Path, number: int) -> None:
        if episode.seed is not None and episode.seed >= EVALUATION_SEEDS:
            raise DataError(
                f"seed {episode.seed} is an evaluation seed (>= {EVALUATION_SEEDS}).",
                remedy="Record with smaller seeds; evaluation starts must stay unseen.",
                path=path,
                episode=number,
            )
        problems = misfits(self.spec, episode.observation, episode.actions) + episode_misfits(episode)
        if episode.actions.valid.shape[0] != 1:
            problems.append(f"it holds {episode.actions.valid.shape[0]} episodes; write them one by one, see `cut`.")
        if bool(episode.actions.valid[:, 0].any()):
            problems.append("the first action is valid, but no frame comes before it: actions[t] leads to observation[t].")
        if problems:
            came = f" It comes from {episode.source}." if episode.source else ""
            raise DataError(" ".join(problems) + came, remedy="Correct the episode or the spec.", path=path, episode=number)

    def _streams(self, columns: dict[str, NDArray[Any]]) -> frozenset[str]:
        """Keys of pictures that become video: RGB that is large, or all RGB where asked for."""
        rgb = {key: array for key, array in columns.items() if array.dtype == np.uint8}
        if self.storage == "auto":
            return frozenset(key for key, array in rgb.items() if max(array.shape[-2:]) > SMALL)
        return frozenset(rgb if self.storage == "video" else ())

    def _bookkeeping(self, length: int, task: int) -> dict[str, NDArray[Any]]:
        steps = np.arange(length)
        return {
            "timestamp": (steps / self.spec.rate).astype(np.float32),
            "frame_index": steps,
            "episode_index": np.full(length, self.episodes),
            "index": self.frames + steps,
            "task_index": np.full(length, task),
        }

    def _write_files(self, folder: Path, features: tuple[Feature, ...], columns: dict[str, NDArray[Any]], facts: dict[str, Any]) -> None:
        import pyarrow.parquet as pq

        stored: dict[str, Any] = {}
        for feature in features:
            if feature.dtype == "video":
                write_video(folder / f"{feature.key}.mp4", columns[feature.key], self.spec.rate)
            elif feature.dtype == "image":
                stored[feature.key] = [encode_png(frame) for frame in columns[feature.key]]
            else:
                stored[feature.key] = columns[feature.key]
        table = make_table(features, stored)
        table = table.replace_schema_metadata({**table.schema.metadata, FACTS: json.dumps(facts)})
        pq.write_table(table, folder / PENDING_TABLE)

    def _write_info(self, info: DatasetInfo) -> None:
        replace_text(self.root / "meta" / "info.json", json.dumps(info.json(), indent=4))


def episode_summary(columns: dict[str, NDArray[Any]]) -> dict[str, dict[str, Any]]:
    """Statistics of one episode's columns that have numbers, JSON-ready."""
    found = {}
    for key, array in columns.items():
        if array.dtype in (np.uint8, np.uint16):
            table = picture_summary(array)
        elif array.dtype == np.bool_ or not array.size:
            continue
        else:
            table = summary(array)
        found[key] = {name: values.tolist() for name, values in table.items()}
    return found


def holds_nothing(root: Path) -> bool:
    """Is there no folder, an empty one, or a set that was begun and has nothing in it yet, or only what a kill left half-written?"""

    def only_begun(path: Path) -> bool:
        half = path.parts[0] in ("meta", RECORDING) and any(part.endswith(".writing") for part in path.parts)
        return half or path in (Path("meta/info.json"), Path(MEANING_PATH))

    return all(path.is_dir() or only_begun(path.relative_to(root)) for path in root.rglob("*"))


def being_recorded(root: Path) -> bool:
    """Does a recorder hold the folder?"""
    try:
        os.close(lock(root))
    except DataError:
        return True
    return False


def lock(root: Path) -> int:
    """Lock a folder until the handle is closed or the process ends. DataError where another recorder holds it."""
    handle = os.open(root, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise DataError(
            "another recorder is writing into this data set, in this process or another.",
            remedy="Close it or wait for it, or record into another folder.",
            path=root,
        ) from error
    return handle
