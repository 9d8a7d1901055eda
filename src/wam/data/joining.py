"""Several data sets of one robot as one: demonstrations and play, say.

Cameras, actions and rate must be the same. Of proprioception the slots are kept that every set has, and rewards, ends, success
and truth where every set has them. Where one of them says of its actions that nobody recorded them, the others' are known.
Does not know: who learns from it. Each episode keeps its own source.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from wam.data.dataset import EpisodeDataset, open_dataset
from wam.data.episode import Episode
from wam.data.errors import DataError
from wam.data.fresh import new_set
from wam.data.meaning import DataSpec
from wam.data.recording import Recorder, Storage

OPTIONAL = ("reward", "alive", "success", "truth")


def join(sources: Sequence[str | Path], target: str | Path, *, progress: Callable[[int, int], None] | None = None) -> Path:
    """Write all episodes of `sources`, in this order, into a new set; returns its folder.

    Pictures that one of the sets holds without loss stay so in all; frames of videos are encoded once more, and lose a little.
    `progress` is told (episodes done, all). DataError where the sets differ in cameras, actions or rate.
    """
    sets = [open_dataset(source) for source in sources]
    if len(sets) < 2:
        raise DataError(f"{len(sets)} data set was named.", remedy="Name two or more.")
    for other in sets[1:]:
        _require_alike(sets[0], other)
    samples = [one.read(0) for one in sets if len(one)]
    kept = {name for name in OPTIONAL if all(getattr(one, name) is not None for one in samples)}
    if any(one.actions.labelled is not None for one in samples):
        kept.add("labelled")
    total, done = sum(len(one) for one in sets), 0
    spec = _spec([one.spec for one in sets], "truth" in kept)
    with new_set(target) as folder, Recorder(folder, spec, storage=storage_of(sets)) as recorder:
        for one in sets:
            places = [one.spec.observes.proprio.index(slot) for slot in spec.observes.proprio]
            for episode in one:
                recorder.write(_with(episode, kept, places))
                done += 1
                if progress is not None:
                    progress(done, total)
    return Path(target)


def storage_of(sets: Sequence[EpisodeDataset]) -> Storage:
    """How to store pictures of these so that none that is held without loss loses anything."""
    lossless = any(feature.dtype == "image" and not feature.depth for one in sets for feature in one.info.features)
    return "lossless" if lossless else "auto"


def _require_alike(first: EpisodeDataset, other: EpisodeDataset) -> None:
    mine, theirs = first.spec, other.spec
    parts = {
        "cameras": (mine.observes.cameras, theirs.observes.cameras),
        "actions": (mine.acts, theirs.acts),
        "rate": (mine.rate, theirs.rate),
    }
    if differ := [name for name, (a, b) in parts.items() if a != b]:
        told = "; ".join(f"{name}: {parts[name][0]} and {parts[name][1]}" for name in differ)
        raise DataError(
            f"it differs from {first.root} in {told}.", remedy="Record or convert both with the same cameras, sizes, actions and rate.", path=other.root
        )


def _spec(specs: Sequence[DataSpec], truth: bool) -> DataSpec:
    """Of the joined set. What truth means is kept where it means the same in all."""
    first = specs[0]
    told = {
        name: getattr(first, name) for name in ("facts", "physical", "objects") if truth and all(getattr(one, name) == getattr(first, name) for one in specs)
    }
    felt = tuple(slot for slot in first.observes.proprio if all(slot in one.observes.proprio for one in specs))
    return DataSpec(
        observes=replace(first.observes, proprio=felt),
        acts=first.acts,
        rate=first.rate,
        sentences=tuple(dict.fromkeys(sentence for spec in specs for sentence in spec.sentences)),
        embodiment=first.embodiment,
        source="; ".join(dict.fromkeys(spec.source for spec in specs if spec.source)),
        **told,
    )


def _with(episode: Episode, kept: set[str], places: Sequence[int]) -> Episode:
    """What is kept of an episode; `places` are columns of its proprioception."""
    felt, actions = episode.observation.proprio, episode.actions
    if "labelled" in kept and actions.labelled is None:
        actions = replace(actions, labelled=torch.ones(1, episode.length, dtype=torch.bool))
    return replace(
        episode,
        observation=replace(episode.observation, proprio=felt[..., places] if felt is not None and places else None),
        actions=actions,
        reward=episode.reward if "reward" in kept else None,
        alive=episode.alive if "alive" in kept else None,
        success=episode.success if "success" in kept else None,
        truth=episode.truth if "truth" in kept else None,
    )
