"""The list of episodes of a data set on disk: LeRobot 2.0, 2.1, 3.0, and episodes of a recording still open.

Knows: where each version keeps lengths, tasks and file positions.   Does not know: columns, pixels.
Deviations of public data sets that can be read without guessing are accepted and said (`Note`); all others are errors.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wam.data.errors import DataError
from wam.data.layout import ABSENT, RECORDING, DatasetInfo, EpisodeEntry, VideoSpan, read_lines

PENDING_TABLE = "frames.parquet"  # in the folder of a finished, not yet consolidated episode
FACTS = "wam.episode"  # its metadata: index, length, tasks, seed, success, source, statistics as JSON
RESTORE = "Restore it from the source of the data set."


@dataclass(frozen=True)
class Note:
    """A deviation from the format that was accepted, and what was done about it."""

    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True)
class Index:
    """All episodes in order, the table of tasks, and what was accepted on the way."""

    episodes: tuple[EpisodeEntry, ...]
    tasks: tuple[str, ...]  # task_index -> sentence
    notes: tuple[Note, ...]
    missing_videos: tuple[str, ...]  # declared video features of which no file exists


def read_index(root: Path, info: DatasetInfo) -> Index:
    """Raises DataError where the index is absent, broken or contradicts itself."""
    if info.version == "v3.0":
        episodes, tasks = read_v3(root, info)
        notes: tuple[Note, ...] = ()
    else:
        episodes, tasks, notes = read_v2(root, info)
    numbers = [episode.index for episode in episodes]
    if numbers != list(range(len(numbers))):
        what = f"episode numbers are {numbers[:8]}...; expected 0, 1, 2, ..."
        raise DataError(what, cause="episodes were removed or merged by hand.", remedy=RESTORE, path=root / "meta")
    missing = tuple(
        feature.key
        for feature in info.features
        if feature.dtype == "video" and episodes and not any(episode.videos[feature.key].path.exists() for episode in episodes)
    )
    said = tuple(Note(f"video feature {key!r} is declared but has no file; it is not read", "meta/info.json") for key in missing)
    return Index(tuple(episodes), tasks, notes + said, missing)


# -- version 3.0 -----------------------------------------------------------------------------------------------------------------


def read_v3(root: Path, info: DatasetInfo) -> tuple[list[EpisodeEntry], tuple[str, ...]]:
    """Consolidated episodes from meta/episodes, then those of an open recording."""
    rows = consolidated_rows(root)
    require_whole(root, info, len(rows))
    tasks = list(read_tasks(root)) if rows else []
    try:
        entries = [_v3_entry(root, info, row) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        cause = "the index was written by another tool, or a feature was added to meta/info.json by hand."
        raise DataError(
            f"column {error} missing in meta/episodes, or not what it should be.", cause=cause, remedy=RESTORE, path=root / "meta" / "episodes"
        ) from error
    entries.sort(key=lambda entry: entry.index)
    for entry in pending_entries(root, info, first=len(entries)):
        entries.append(entry)
        tasks += [task for task in entry.tasks if task not in tasks]
    return entries, tuple(tasks)


def require_whole(root: Path, info: DatasetInfo, listed: int) -> None:
    """DataError where meta/episodes lists fewer episodes than were counted: no file may be taken for one that nobody needs, no set for a smaller one."""
    if info.total_episodes > listed:
        raise DataError(
            f"meta/info.json counts {info.total_episodes} episodes, meta/episodes lists {listed}.",
            cause="files of meta/episodes are missing: the set was copied in part.",
            remedy=RESTORE,
            path=root / "meta" / "episodes",
        )


def consolidated_rows(root: Path) -> list[dict[str, Any]]:
    """The rows of meta/episodes without statistics; none where nothing is consolidated yet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = []
    for path in sorted((root / "meta" / "episodes").glob("*/*.parquet")):
        try:
            names = [name for name in pq.read_schema(path).names if not name.startswith("stats/")]
            rows += pq.read_table(path, columns=names, use_threads=False).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"the parquet file cannot be read ({error}).", remedy=RESTORE, path=path) from error
    return rows


def _v3_entry(root: Path, info: DatasetInfo, row: dict[str, Any]) -> EpisodeEntry:
    videos = {}
    for feature in info.features:
        if feature.dtype == "video":
            place = f"videos/{feature.key}"
            position = {"chunk_index": row[f"{place}/chunk_index"], "file_index": row[f"{place}/file_index"]}
            path = root / (info.video_path or "").format(video_key=feature.key, **position)
            videos[feature.key] = VideoSpan(path, float(row[f"{place}/from_timestamp"]))
    table = root / info.data_path.format(chunk_index=row["data/chunk_index"], file_index=row["data/file_index"])
    tasks = row["tasks"]
    return EpisodeEntry(
        index=int(row["episode_index"]),
        length=int(row["length"]),
        tasks=tuple(tasks) if isinstance(tasks, list) else (str(tasks),),
        table=table,
        videos=videos,
        seed=row.get("wam.seed"),
        success=row.get("wam.success"),
        source=row.get("wam.source"),
    )


def read_tasks(root: Path) -> tuple[str, ...]:
    """meta/tasks.parquet: the sentence of each task_index (the column is called task, or is an unnamed pandas index)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = root / "meta" / "tasks.parquet"
    try:
        table = pq.read_table(path, use_threads=False).to_pydict()
    except FileNotFoundError as error:
        raise DataError("the file is absent.", cause=ABSENT, remedy=RESTORE, path=path) from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"the parquet file cannot be read ({error}).", remedy=RESTORE, path=path) from error
    words = table.get("task", table.get("__index_level_0__"))
    if words is None or "task_index" not in table:
        raise DataError(f"columns are {list(table)}; expected task and task_index.", remedy=RESTORE, path=path)
    return _in_order(zip(table["task_index"], words, strict=True), path)


def _in_order(pairs: Iterable[tuple[int, str]], path: Path) -> tuple[str, ...]:
    ordered = sorted(pairs)
    if [index for index, _ in ordered] != list(range(len(ordered))):
        raise DataError(f"task numbers are {[i for i, _ in ordered][:8]}; expected 0, 1, 2, ...", remedy=RESTORE, path=path)
    return tuple(words for _, words in ordered)


def pending_folders(root: Path) -> list[Path]:
    """Finished episodes of an open recording, in order. Unfinished ones have another name and are not listed."""
    return sorted((root / RECORDING).glob("episode-*"))


def pending_number(folder: Path) -> int:
    """Number of the episode in a folder of an open recording."""
    return int(folder.name.removeprefix("episode-"))


def pending_facts(path: Path) -> dict[str, Any]:
    """What a finished episode says of itself."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        facts: dict[str, Any] = json.loads(pq.read_schema(path).metadata[FACTS.encode()])
    except (pa.ArrowException, OSError, KeyError, TypeError) as error:
        remedy = "Delete its folder: it was damaged or not written by this library."
        raise DataError(f"no finished episode ({error}).", remedy=remedy, path=path) from error
    return facts


def pending_entries(root: Path, info: DatasetInfo, first: int) -> list[EpisodeEntry]:
    """Entries of the finished, not yet consolidated episodes from number `first` on."""
    found = []
    for folder in pending_folders(root):
        if pending_number(folder) < first:
            continue  # consolidated already; a kill came before the folder was removed, or while it was
        raw = pending_facts(folder / PENDING_TABLE)
        videos = {f.key: VideoSpan(folder / f"{f.key}.mp4", 0.0) for f in info.features if f.dtype == "video"}
        found.append(
            EpisodeEntry(
                index=raw["index"],
                length=raw["length"],
                tasks=tuple(raw["tasks"]),
                table=folder / PENDING_TABLE,
                videos=videos,
                seed=raw["seed"],
                success=raw["success"],
                source=raw["source"],
            )
        )
    return found


# -- versions 2.0 and 2.1 --------------------------------------------------------------------------------------------------------


def read_v2(root: Path, info: DatasetInfo) -> tuple[list[EpisodeEntry], tuple[str, ...], tuple[Note, ...]]:
    """One parquet and one video file per episode; lengths and tasks in JSON lines."""
    rows = read_lines(root / "meta" / "episodes.jsonl", remedy=RESTORE)
    path = root / "meta" / "tasks.jsonl"
    notes: list[Note] = []
    try:
        tasks = _in_order([(row["task_index"], row["task"]) for row in read_lines(path, remedy=RESTORE)], path)
        entries = [_v2_entry(root, info, row) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"something in episodes.jsonl, tasks.jsonl or the paths of info.json is absent or of another kind ({type(error).__name__}: {error})."
        raise DataError(what, cause="it was written by hand or by another tool.", remedy=RESTORE, path=root / "meta") from error
    for number, entry in enumerate(entries):
        repaired = _standard_chunks(root, info, entry)
        if repaired != entry:
            entries[number] = repaired
            what = "path templates in meta/info.json do not lead to the files; the standard chunk folder does and is used"
            notes = notes or [Note(what, f"from episode {entry.index} on")]
    return entries, tasks, tuple(notes)


def _v2_entry(root: Path, info: DatasetInfo, row: dict[str, Any]) -> EpisodeEntry:
    index = int(row["episode_index"])
    place = {"episode_index": index, "episode_chunk": index // info.chunks_size, "total_episodes": info.total_episodes}
    return EpisodeEntry(
        index=index,
        length=int(row["length"]),
        tasks=tuple(row.get("tasks", ())),
        table=root / info.data_path.format(**place),
        videos={
            feature.key: VideoSpan(root / (info.video_path or "").format(video_key=feature.key, **place), 0.0)
            for feature in info.features
            if feature.dtype == "video"
        },
    )


def _standard_chunks(root: Path, info: DatasetInfo, entry: EpisodeEntry) -> EpisodeEntry:
    """The entry with the standard layout's paths where only those exist."""
    chunk, name = f"chunk-{entry.index // info.chunks_size:03d}", f"episode_{entry.index:06d}"
    table = root / "data" / chunk / f"{name}.parquet"
    videos = {key: VideoSpan(root / "videos" / chunk / key / f"{name}.mp4", 0.0) for key in entry.videos}
    return replace(
        entry,
        table=table if not entry.table.exists() and table.exists() else entry.table,
        videos={key: videos[key] if not span.path.exists() and videos[key].path.exists() else span for key, span in entry.videos.items()},
    )
