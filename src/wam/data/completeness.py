"""Is all of a data set there? Cameras, slots, actions, and the counts of episodes, rows and frames.

Knows: meta/, the index of episodes and packets of videos.   Does not know: numbers, pixels.
"""

from collections.abc import Iterator
from pathlib import Path

from wam.data.columns import OURS
from wam.data.dataset import EpisodeDataset
from wam.data.errors import DataError
from wam.data.finding import Finding, unreadable
from wam.data.index import pending_folders
from wam.data.layout import EpisodeEntry, Feature
from wam.data.meaning import MEANING_PATH, camera_name
from wam.data.video import count_frames
from wam.world.slots import Slot

# -- what is missing --------------------------------------------------------------------------------------------------------------


def missing_cameras(dataset: EpisodeDataset) -> Iterator[Finding]:
    """Declared videos without any file: sets of this library have them all, some public sets declare too many."""
    ours = (dataset.root / MEANING_PATH).exists()
    for feature in dataset.info.features:
        if dataset.episodes and feature.dtype == "video" and not readable_video(dataset, feature):
            yield Finding(
                "missing",
                f"camera {camera_name(feature.key)!r} ({feature.key}) is declared, but none of its videos is there; it is not read.",
                "the videos were deleted or not copied." if ours else "the videos were not downloaded, or were never published.",
                "Copy them again, or convert or record the set again." if ours else "Download them, or train without this camera.",
                dataset.episodes[0].videos[feature.key].path,
                severity="error" if ours else "warning",
            )


def missing_columns(dataset: EpisodeDataset) -> Iterator[Finding]:
    """Slots and cameras of the spec against the features, and whether anything was done at all."""
    if not dataset.info.features:
        return  # a recording without an episode yet
    path = dataset.root / "meta" / "info.json"
    cause = "meta/info.json or meta/wam.json was edited, or they are of different sets."
    remedy = "Restore both from the source of the set, or convert or record it again."
    for key, slots in described(dataset).items():
        if slots and not fits(dataset, key):
            feature = dataset.info.feature(key)
            has = "no such feature" if feature is None else f"shape {list(feature.shape)}"
            names = ", ".join(slot.name for slot in slots[:4]) + ", ..." * (len(slots) > 4)
            yield Finding("missing", f"{key}: the spec has {len(slots)} slots ({names}), meta/info.json has {has}.", cause, remedy, path)
    shown = {camera_name(feature.key) for feature in dataset.info.features if feature.visual}
    if lost := sorted(set(dataset.cameras) - shown):
        yield Finding("missing", f"the spec has the cameras {lost}, meta/info.json has only {sorted(shown)}.", cause, remedy, path)
    kept = {feature.key for feature in dataset.info.features if feature.key == "action" or feature.key.startswith(OURS + "actions.")}
    if not dataset.spec.acts.low_level and not kept - {OURS + "actions.valid"}:
        yield Finding(
            "missing",
            "the set has no actions.",
            "only pictures and states were recorded, or the column is not called action.",
            "Name the column action; without actions only models of video can learn from the set.",
            path,
            severity="warning",
        )


def described(dataset: EpisodeDataset) -> dict[str, tuple[Slot, ...]]:
    """The slots of the two columns that have any."""
    return {"action": dataset.spec.acts.low_level, "observation.state": dataset.spec.observes.proprio}


def fits(dataset: EpisodeDataset, key: str) -> bool:
    """Has the feature the shape that the spec's slots (and actions per step) ask for?"""
    feature, size, rate = dataset.info.feature(key), len(described(dataset)[key]), dataset.spec.acts.per_step
    if feature is None:
        return False
    shape = feature.shape or (1,)
    return shape[-1] == size and (key != "action" or shape[:-1] == ((rate,) if rate > 1 or len(shape) == 2 else ()))


# -- counts ----------------------------------------------------------------------------------------------------------------------


def totals(dataset: EpisodeDataset) -> Iterator[Finding]:
    """meta/info.json against the index of episodes; an open recording is brought up to date on closing."""
    if pending_folders(dataset.root):
        return
    info = dataset.info
    pairs = (
        ("total_episodes", info.total_episodes, len(dataset)),
        ("total_frames", info.total_frames, dataset.frames),
        ("total_tasks", info.total_tasks, len(dataset.tasks)),
    )
    for name, said, counted in pairs:
        if said != counted:
            yield Finding(
                "counts",
                f"{name} is {said}, the index has {counted}.",
                "episodes were added or removed by hand, or a recording was interrupted.",
                f"Set {name} to {counted}, or restore the missing files.",
                dataset.root / "meta" / "info.json",
            )


def video_counts(dataset: EpisodeDataset) -> Iterator[Finding]:
    """Frames in each video file against the lengths of the episodes in it."""
    for feature in dataset.info.features:
        if feature.dtype != "video" or not readable_video(dataset, feature):
            continue
        held: dict[Path, list[EpisodeEntry]] = {}
        for entry in dataset.episodes:
            held.setdefault(entry.videos[feature.key].path, []).append(entry)
        for path, entries in held.items():
            expected = sum(entry.length for entry in entries)
            try:
                frames = count_frames(path, episode=entries[0].index)
            except DataError as error:
                yield unreadable(error)
                continue
            if frames != expected:
                yield Finding(
                    "counts",
                    f"{feature.key}: {frames} frames in the video, {expected} rows in its episodes {[entry.index for entry in entries][:5]}.",
                    "frames were dropped while recording, or the video was cut.",
                    "Drop or trim these episodes; windows would show the wrong instant.",
                    path,
                    entries[0].index,
                )


def readable_video(dataset: EpisodeDataset, feature: Feature) -> bool:
    """A declared video without any file was accepted with a note on opening."""
    return any(entry.videos[feature.key].path.exists() for entry in dataset.episodes)
