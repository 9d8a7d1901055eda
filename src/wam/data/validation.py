"""Find what is wrong with a data set before a model is trained on it.

    for finding in check_dataset("runs/push"):
        print(finding)

Looks at what is missing, counts, times, numbers, statistics, pictures and the alignment of actions. Every finding says
where, what, the likely cause and the remedy. An "error" makes training wrong; a "warning" may be meant.
Does not repair anything.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wam.data.alignment import misalignment
from wam.data.completeness import described, fits, missing_cameras, missing_columns, readable_video, totals, video_counts
from wam.data.dataset import EpisodeDataset, open_dataset
from wam.data.errors import DataError
from wam.data.finding import Finding as Finding
from wam.data.finding import unreadable
from wam.data.index import pending_folders
from wam.data.layout import RECORDING, EpisodeEntry, read_json, read_lines
from wam.data.ranges import KEPT, Read, constants, ranges
from wam.data.recording import being_recorded
from wam.data.table import open_table

BLANK = 4  # largest minus smallest grey value, out of 255, below which a camera's frames of an episode show nothing
PLACES = 8  # that are named where many episodes have the same fault
Hole = tuple[EpisodeEntry, int, int]  # an episode, how many of a column's values are no numbers in it, and the first such row


def check_dataset(source: str | Path | EpisodeDataset, *, decode: bool = True) -> tuple[Finding, ...]:
    """All findings, errors first. `decode` = False counts frames but does not decode pictures and videos."""
    try:
        dataset = source if isinstance(source, EpisodeDataset) else open_dataset(source)
    except DataError as error:
        return (unreadable(error),)
    found = [
        *empty(dataset),
        *unfinished(dataset),
        *missing_cameras(dataset),
        *missing_columns(dataset),
        *totals(dataset),
        *short(dataset),
        *statistics(dataset),
        *video_counts(dataset),
    ]
    readable: list[Read] = []
    holes: dict[str, list[Hole]] = {}  # by column
    for entry in dataset.episodes:
        numbers = [f for f in dataset.info.features if not f.visual and f.dtype != "string"]
        try:
            columns = dataset.columns(entry.index, numbers)
        except DataError as error:
            found.append(unreadable(error))
            continue
        readable.append((entry, {key: columns[key] for key in KEPT if key in columns}))
        for key, hole in holes_of(entry, columns):
            holes.setdefault(key, []).append(hole)
        found += [*times(dataset, entry, columns), *instruction(dataset, entry)]
        if decode:
            found += list(pictures(dataset, entry))
    found += [
        *not_numbers(dataset, holes),
        *ranges(dataset, readable),
        *constants(dataset, readable),
        *alignment(dataset, [columns for _, columns in readable]),
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: finding.severity))  # a file that many episodes lie in is said once


def empty(dataset: EpisodeDataset) -> Iterator[Finding]:
    """A set without episodes."""
    if not len(dataset):
        yield Finding(
            "empty",
            "it holds no episode.",
            "the recording ended before its first episode was over, or meta/ was copied without the rest.",
            "Record or convert into it, or copy it again.",
            dataset.root / "meta",
        )


def unfinished(dataset: EpisodeDataset) -> Iterator[Finding]:
    """A recording that was not closed, and that nobody is at."""
    pending = pending_folders(dataset.root)
    if pending and not being_recorded(dataset.root):
        yield Finding(
            "unfinished",
            f"{len(pending)} of {len(dataset)} episodes lie in {RECORDING}/, where no other tool reads them; more may have been meant.",
            "the recording was killed, or ended by an error.",
            "`wam record --resume` (Recorder with resume=True in Python) goes on with it; that and closing it bring the episodes where they belong.",
            dataset.root / RECORDING,
            severity="warning",
        )


# -- lengths, times and numbers ---------------------------------------------------------------------------------------------------------


def short(dataset: EpisodeDataset) -> Iterator[Finding]:
    """Episodes of one frame: no action leads from a frame to a next one, so nothing can be learned from them."""
    single = [entry.index for entry in dataset.episodes if entry.length < 2]
    if single:
        yield Finding(
            "short",
            f"{len(single)} of {len(dataset)} episodes have one frame, the first is episode {single[0]}; no window can be cut from them.",
            "recordings were started and stopped at once, or every frame was stored as an episode of its own.",
            "Leave them out; where it is every frame, join the rows of each episode under one episode_index.",
            dataset.root / "meta",
            severity="error" if len(single) == len(dataset) else "warning",
        )


def times(dataset: EpisodeDataset, entry: EpisodeEntry, columns: dict[str, NDArray[Any]]) -> Iterator[Finding]:
    """Timestamps one frame apart, frame numbers without holes."""
    step = 1 / dataset.info.fps
    if "timestamp" in columns:
        gaps = np.diff(columns["timestamp"][:, 0].astype(np.float64))
        wrong = np.flatnonzero(np.abs(gaps - step) > 0.1 * step)
        if len(wrong):
            yield Finding(
                "time",
                f"{len(wrong)} steps are not {step:.4g} s long; the first is {gaps[wrong[0]]:.4g} s, after row {wrong[0]}.",
                "frames were lost while recording, or fps in meta/info.json is not the true rate.",
                "Split the episode at the gaps, record it again, or correct fps.",
                entry.table,
                entry.index,
            )
    if "frame_index" in columns and not np.array_equal(columns["frame_index"][:, 0], np.arange(entry.length)):
        yield Finding(
            "time",
            f"frame_index does not count 0 .. {entry.length - 1}.",
            "rows were removed, repeated or mixed.",
            "Restore the table from its source.",
            entry.table,
            entry.index,
        )


def holes_of(entry: EpisodeEntry, columns: dict[str, NDArray[Any]]) -> Iterator[tuple[str, Hole]]:
    """Columns of an episode that hold NaN or infinity."""
    for key, array in columns.items():
        if array.dtype.kind == "f" and (odd := ~np.isfinite(array)).any():
            yield key, (entry, int(odd.sum()), int(np.argwhere(odd)[0][0]))


def not_numbers(dataset: EpisodeDataset, holes: dict[str, list[Hole]]) -> Iterator[Finding]:
    """NaN and infinity: one finding for each column, however many episodes have them."""
    for key, found in holes.items():
        places = ", ".join(f"row {row} of episode {entry.index}" for entry, _, row in found[:PLACES]) + ", and others" * (len(found) > PLACES)
        yield Finding(
            "nan",
            f"{key} holds {sum(count for _, count, _ in found)} values that are not numbers, in {len(found)} of {len(dataset)} episodes: {places}.",
            "a sensor or an inverse-kinematics step failed while recording.",
            "Drop or cut the episodes; one NaN spoils every weight of a model.",
            found[0][0].table,
            found[0][0].index,
        )


# -- statistics, alignment, pictures -----------------------------------------------------------------------------------------------


def statistics(dataset: EpisodeDataset) -> Iterator[Finding]:
    """Statistics of action and state: meta/stats.json, or meta/episodes_stats.jsonl in version 2.1."""
    if pending_folders(dataset.root) or not len(dataset):
        return
    per_episode = dataset.info.version == "v2.1"
    path = dataset.root / "meta" / ("episodes_stats.jsonl" if per_episode else "stats.json")
    keys = [key for key in ("action", "observation.state") if dataset.info.feature(key)]
    try:
        held = [row["stats"] for row in read_lines(path, remedy="")] if per_episode else [read_json(path, remedy="")]
        missing = [key for key in keys if not all(key in table and {"mean", "std", "min", "max"} <= table[key].keys() for table in held)]
        if per_episode and len(held) != len(dataset):
            missing = keys
    except (DataError, KeyError):
        missing = keys
    if missing:
        yield Finding(
            "statistics",
            f"no complete statistics of {', '.join(missing)}.",
            "the set was assembled by hand, or its recording was not closed.",
            "Models here compute their own (compute_statistics); other tools need the file: record or convert the set again.",
            path,
        )


def alignment(dataset: EpisodeDataset, episodes: list[dict[str, NDArray[Any]]]) -> Iterator[Finding]:
    """Do actions fit the change of state that follows them better than any other?"""
    usable = episodes if all(fits(dataset, key) for key in described(dataset)) else []
    shift = misalignment(usable, dataset.spec.acts.low_level, dataset.spec.observes.proprio)
    if shift is None:
        return
    early = "before" if shift.lag < 0 else "after"
    yield Finding(
        "alignment",
        f"actions fit the change of state {abs(shift.lag)} step{'s' * (abs(shift.lag) > 1)} {early} the one that follows them best: "
        f"correlation {shift.best:.2f} against {shift.here:.2f} ({', '.join(shift.slots[:4])}).",
        "action[t] was stored with the frame it LED TO instead of the frame it FOLLOWED." if shift.lag < 0 else "rows were shifted, or the robot answers late.",
        f"Shift the actions by {shift.lag} rows within each episode." if shift.lag < 0 else "If the delay is not the robot's, shift the actions back.",
        dataset.root / "data",
        severity="error" if shift.lag < 0 else "warning",
    )


def pictures(dataset: EpisodeDataset, entry: EpisodeEntry) -> Iterator[Finding]:
    """Decode every picture and video of an episode."""
    for feature in dataset.info.features:
        if not feature.visual or (feature.dtype == "video" and not readable_video(dataset, feature)):
            continue
        try:
            frames = dataset.columns(entry.index, [feature])[feature.key]
        except DataError as error:
            yield unreadable(error)
            continue
        if frames.dtype == np.uint8 and int(frames.max()) - int(frames.min()) < BLANK:
            yield Finding(
                "blank",
                f"{feature.key} shows one colour only.",
                "the camera was covered or not connected, or the source pads missing cameras.",
                "Leave the camera out when training.",
                entry.table if feature.dtype == "image" else entry.videos[feature.key].path,
                entry.index,
                "warning",
            )


def instruction(dataset: EpisodeDataset, entry: EpisodeEntry) -> Iterator[Finding]:
    """A task number that the table of tasks has."""
    table = open_table(entry.table)
    if "task_index" not in table.columns or not dataset.tasks:
        return
    numbers = set(table.rows(entry.index, ["task_index"])["task_index"].to_pylist())
    if unknown := sorted(number for number in numbers if not 0 <= number < len(dataset.tasks)):
        yield Finding(
            "instruction",
            f"task_index {unknown[:3]}; there are {len(dataset.tasks)} tasks.",
            "tables of different data sets were mixed.",
            "Restore meta/tasks, or correct the column.",
            entry.table,
            entry.index,
        )
