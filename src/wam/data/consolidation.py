"""Turn the finished episodes of a recording into the files of LeRobot 3.0, so that a kill at any moment loses nothing.

Order: data and video files under new numbers, tasks, statistics; then the file in meta/episodes, which is the one commit
point: before it the folders under recording/ count, after it the new files do. Then info.json, then the folders go.
`recover` finishes or undoes what a kill interrupted. Only the single writer that holds the lock calls either.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wam.data.index import FACTS, consolidated_rows, pending_entries, pending_facts, pending_folders, pending_number, read_tasks, require_whole
from wam.data.layout import (
    CHUNK,
    DATA_MEGABYTES,
    DATA_PATH,
    EPISODES_PATH,
    RECORDING,
    VIDEO_MEGABYTES,
    VIDEO_PATH,
    DatasetInfo,
    EpisodeEntry,
)
from wam.data.statistics import pool
from wam.data.video import join_videos
from wam.files import put, replace_text

MEGABYTE = 1 << 20


def consolidate(root: Path) -> None:
    """Move all finished episodes from recording/ into data/, videos/ and meta/."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    recover(root)
    info = DatasetInfo.read(root)
    done = consolidated_rows(root)
    entries = pending_entries(root, info, first=len(done))
    if entries:
        rows = [first_columns(entry) for entry in entries]
        start = max((row["dataset_to_index"] for row in done), default=0)
        for row, entry in zip(rows, entries, strict=True):
            row["dataset_from_index"], row["dataset_to_index"] = start, start + entry.length
            start += entry.length
        place_tables(root, entries, rows, done)
        for feature in info.features:
            if feature.dtype == "video":
                place_videos(root, feature.key, info.fps, entries, rows, done)
        write_tasks(root, entries, first=len(done))
        chunk, file = next_file([(row["meta/episodes/chunk_index"], row["meta/episodes/file_index"]) for row in done])
        summaries = [pending_facts(entry.table)["stats"] for entry in entries]
        for row, table in zip(rows, summaries, strict=True):
            row |= {"meta/episodes/chunk_index": chunk, "meta/episodes/file_index": file}
            row |= {f"stats/{key}/{name}": values for key, group in table.items() for name, values in group.items()}
        path = root / EPISODES_PATH.format(chunk_index=chunk, file_index=file)
        table = pa.Table.from_pylist(rows, schema=episode_schema(rows[0]))
        write_new(path, lambda temporary: pq.write_table(table, temporary))
    finish(root)


def first_columns(entry: EpisodeEntry) -> dict[str, Any]:
    """What meta/episodes says of an episode before it has a place."""
    return {
        "episode_index": entry.index,
        "tasks": list(entry.tasks),
        "length": entry.length,
        "wam.seed": entry.seed,
        "wam.success": entry.success,
        "wam.source": entry.source,
    }


def episode_schema(row: dict[str, Any]) -> Any:
    """Explicit types: a column of nulls must not become one without a type."""
    import pyarrow as pa

    fixed = {"tasks": pa.list_(pa.string()), "wam.seed": pa.int64(), "wam.success": pa.bool_(), "wam.source": pa.string()}

    def kind(name: str, value: Any) -> Any:
        if name in fixed:
            return fixed[name]
        if isinstance(value, list):
            return pa.list_(kind("", value[0]))
        return pa.float64() if isinstance(value, float) else pa.int64()

    return pa.schema([pa.field(name, kind(name, value)) for name, value in row.items()])


# -- files -----------------------------------------------------------------------------------------------------------------------


def next_file(used: Sequence[tuple[int, int]]) -> tuple[int, int]:
    """The (chunk, file) after the last one used."""
    if not used:
        return 0, 0
    chunk, file = max(used)
    return (chunk, file + 1) if file + 1 < CHUNK else (chunk + 1, 0)


def batches(sizes: Sequence[int], most: int) -> list[list[int]]:
    """Consecutive positions, cut so that each batch holds at most `most` bytes, or one item."""
    found: list[list[int]] = []
    total = 0
    for position, size in enumerate(sizes):
        if not found or total + size > most:
            found.append([])
            total = 0
        found[-1].append(position)
        total += size
    return found


def write_new(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a temporary file, then move it to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.writing")  # no reader takes this for a table or a video
    write(temporary)
    put(temporary, path)


def place_tables(root: Path, entries: list[EpisodeEntry], rows: list[dict[str, Any]], done: list[dict[str, Any]]) -> None:
    """Copy the tables of the episodes into files of at most DATA_MEGABYTES, one row group per episode."""
    import pyarrow.parquet as pq

    used = [(row["data/chunk_index"], row["data/file_index"]) for row in done]
    for batch in batches([entry.table.stat().st_size for entry in entries], DATA_MEGABYTES * MEGABYTE):
        chunk, file = next_file(used)
        used.append((chunk, file))

        def write(temporary: Path, batch: list[int] = batch) -> None:
            schema = pq.read_schema(entries[batch[0]].table)
            schema = schema.with_metadata({key: value for key, value in schema.metadata.items() if key != FACTS.encode()})
            with pq.ParquetWriter(temporary, schema) as writer:
                for position in batch:
                    table = pq.read_table(entries[position].table, use_threads=False)
                    writer.write_table(table.cast(schema), row_group_size=len(table))

        write_new(root / DATA_PATH.format(chunk_index=chunk, file_index=file), write)
        for position in batch:
            rows[position] |= {"data/chunk_index": chunk, "data/file_index": file}


def place_videos(root: Path, key: str, fps: float, entries: list[EpisodeEntry], rows: list[dict[str, Any]], done: list[dict[str, Any]]) -> None:
    """Join the videos of the episodes into files of at most VIDEO_MEGABYTES, without encoding them again."""
    name = f"videos/{key}"
    used = [(row[f"{name}/chunk_index"], row[f"{name}/file_index"]) for row in done]
    parts = [entry.videos[key].path for entry in entries]
    for batch in batches([part.stat().st_size for part in parts], VIDEO_MEGABYTES * MEGABYTE):
        chunk, file = next_file(used)
        used.append((chunk, file))
        ends = np.cumsum([entries[position].length for position in batch])
        starts = [float(value) for value in (ends - [entries[position].length for position in batch]) / fps]
        path = root / VIDEO_PATH.format(video_key=key, chunk_index=chunk, file_index=file)
        write_new(path, lambda temporary, batch=batch, starts=starts: join_videos([parts[i] for i in batch], temporary, starts))  # type: ignore[misc]
        for position, start, end in zip(batch, starts, ends, strict=True):
            rows[position] |= {f"{name}/chunk_index": chunk, f"{name}/file_index": file}
            rows[position] |= {f"{name}/from_timestamp": start, f"{name}/to_timestamp": float(end / fps)}


def write_tasks(root: Path, entries: list[EpisodeEntry], first: int) -> None:
    """meta/tasks.parquet with the sentences of old and new episodes, in order of first use."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tasks = list(read_tasks(root)) if first else []
    tasks += dict.fromkeys(task for entry in entries for task in entry.tasks if task not in tasks)
    types = {"task_index": ("int64", "int64"), "task": ("unicode", "object")}
    columns = [{"name": name, "field_name": name, "pandas_type": kind, "numpy_type": plain, "metadata": None} for name, (kind, plain) in types.items()]
    # LeRobot reads this file with pandas and looks sentences up in its index
    pandas = {"index_columns": ["task"], "column_indexes": [], "columns": columns, "pandas_version": "2.2.0"}
    schema = pa.schema([("task_index", pa.int64()), ("task", pa.string())], metadata={"pandas": json.dumps(pandas)})
    table = pa.table([list(range(len(tasks))), tasks], schema=schema)
    write_new(root / "meta" / "tasks.parquet", lambda temporary: pq.write_table(table, temporary))


# -- after the commit point --------------------------------------------------------------------------------------------------------


def finish(root: Path) -> None:
    """Bring info.json and stats.json up to what meta/episodes says, then remove what is consolidated."""
    rows = consolidated_rows(root)
    info = DatasetInfo.read(root)
    total = replace(
        info,
        total_episodes=len(rows),
        total_frames=sum(row["length"] for row in rows),
        total_tasks=len(read_tasks(root)) if rows else 0,
    )
    if rows:
        replace_text(root / "meta" / "stats.json", json.dumps(pooled_statistics(root), indent=4))
    replace_text(root / "meta" / "info.json", json.dumps(total.json(), indent=4))
    for folder in pending_folders(root):
        if pending_number(folder) < len(rows):
            shutil.rmtree(folder)
    if (root / RECORDING).exists() and not any((root / RECORDING).iterdir()):
        (root / RECORDING).rmdir()


def pooled_statistics(root: Path) -> dict[str, dict[str, Any]]:
    """meta/stats.json from the statistics of all episodes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = sorted((root / "meta" / "episodes").glob("*/*.parquet"))
    names = [name for name in pq.read_schema(paths[0]).names if name.startswith("stats/")]
    table = pa.concat_tables([pq.read_table(path, columns=names, use_threads=False) for path in paths])
    columns = {name: [np.array(value) for value in table[name].to_pylist()] for name in names}
    features = list(dict.fromkeys(name.split("/")[1] for name in names))
    found = {}
    for key in features:
        part = {name.split("/")[2]: values for name, values in columns.items() if name.split("/")[1] == key}
        pooled = pool([{name: values[i] for name, values in part.items()} for i in range(len(part["count"]))])
        found[key] = {name: values.tolist() for name, values in pooled.items()}
    return found


def recover(root: Path) -> None:
    """After a kill: remove half-written files and files that no episode points to; finish a committed consolidation.

    DataError, before anything is removed, for a set whose index is not whole.
    """
    rows = consolidated_rows(root)
    require_whole(root, DatasetInfo.read(root), len(rows))
    for place in (RECORDING, "meta", "data", "videos"):
        for path in [*(root / place).rglob("*.writing")]:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    known = {root / DATA_PATH.format(chunk_index=row["data/chunk_index"], file_index=row["data/file_index"]) for row in rows}
    for row in rows:
        keys = [name.split("/")[1] for name in row if name.startswith("videos/") and name.endswith("/file_index")]
        known |= {
            root / VIDEO_PATH.format(video_key=key, chunk_index=row[f"videos/{key}/chunk_index"], file_index=row[f"videos/{key}/file_index"]) for key in keys
        }
    for path in [*(root / "data").glob("*/*.parquet"), *(root / "videos").glob("*/*/*.mp4")]:
        if path not in known:
            path.unlink()
    if any(pending_number(folder) < len(rows) for folder in pending_folders(root)):
        finish(root)
