"""Several data sets of one robot as one: demonstrations and play, say.

Cameras, actions and rate must be the same. Of proprioception the slots are kept that every set has, and rewards, ends and success
where every set has them. Of truth the parts are kept that are of the same things in every set: poses of the same bodies in the same
order, facts of the same atoms. Where one of them says of its actions that nobody recorded them, the others' are known.
Does not know: who learns from it. Each episode keeps its own source.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

import torch

from wam.data.columns import flatten
from wam.data.dataset import EpisodeDataset, open_dataset
from wam.data.episode import Episode
from wam.data.errors import DataError
from wam.data.fresh import new_set
from wam.data.meaning import IMAGINED, DataSpec
from wam.data.recording import Recorder, Storage
from wam.world.records import Truth
from wam.world.spec import Spec

SHOWN = 8  # differences that are named
OPTIONAL = ("reward", "alive", "success")
JOINED = "joined: "  # begins the source of a set that was imagined in part
MEANT = ("facts", "physical", "objects")  # fields of a spec that say what truth is of


def join(
    sources: Sequence[str | Path], target: str | Path, *, progress: Callable[[int, int], None] | None = None, tell: Callable[[str], None] | None = None
) -> Path:
    """Write all episodes of `sources`, in this order, into a new set; returns its folder.

    Pictures that one of the sets holds without loss stay so in all; frames of videos are encoded once more, and lose a little.
    `progress` is told (episodes done, all), `tell` what is left out. DataError where the sets differ in cameras, actions or rate.
    """
    sets = [open_dataset(source) for source in sources]
    if len(sets) < 2:
        raise DataError(f"{len(sets)} data set was named.", remedy="Name two or more.")
    for number, other in enumerate(sets):
        for one in sets[:number]:
            _require_alike(one, other)
    samples = [one.read(0) for one in sets if len(one)]
    kept = {name for name in OPTIONAL if all(getattr(one, name) is not None for one in samples)}
    if any(one.actions.labelled is not None for one in samples):
        kept.add("labelled")
    total, done = sum(len(one) for one in sets), 0
    specs = [one.spec for one in sets]
    meant = {name for name in MEANT if all(getattr(one, name) == getattr(specs[0], name) for one in specs)}
    known = _known(samples, meant)
    spec = _spec(specs, meant if known else set())
    if tell is not None and (lost := _left_out(specs, samples, spec, kept, known)):
        tell(f"left out, since not every set has the same: {', '.join(lost)}")
    with new_set(target) as folder, Recorder(folder, spec, storage=storage_of(sets)) as recorder:
        for one in sets:
            places = [one.spec.observes.proprio.index(slot) for slot in spec.observes.proprio]
            for number, episode in enumerate(one):
                recorder.write(_with(episode, kept, known, places), found=(one.root, number))
                done += 1
                if progress is not None:
                    progress(done, total)
    return Path(target)


def storage_of(sets: Sequence[EpisodeDataset]) -> Storage:
    """How to store pictures of these so that none that is held without loss loses anything."""
    lossless = any(feature.dtype == "image" and not feature.depth for one in sets for feature in one.info.features)
    return "lossless" if lossless else "auto"


def _require_alike(first: EpisodeDataset, other: EpisodeDataset) -> None:
    if first.root.resolve() == other.root.resolve():
        raise DataError("it was named twice.", remedy="Name each set once: twice the same episodes teach nothing more.", path=other.root)
    mine, theirs = first.spec, other.spec
    told = _differ("camera", mine.observes.cameras, theirs.observes.cameras)
    told += _differ("action", {slot.name: slot for slot in mine.acts.low_level}, {slot.name: slot for slot in theirs.acts.low_level})
    if mine.acts != theirs.acts and not told:
        told = _differ("actions", {"all": replace(mine.acts, low_level=())}, {"all": replace(theirs.acts, low_level=())}) or ["the order of the actions"]
    told += [f"rate: {theirs.rate:g} instead of {mine.rate:g} Hz"] if mine.rate != theirs.rate else []
    if told:
        more = f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
        raise DataError(
            f"it differs from {first.root} in {'; '.join(told[:SHOWN])}{more}.",
            remedy="Record or convert both with the same cameras, sizes, actions and rate.",
            path=other.root,
        )


def _differ(what: str, mine: Mapping[str, Spec], theirs: Mapping[str, Spec]) -> list[str]:
    """A few words for each name that one side lacks, and for each that is not the same."""
    found = [f"{what} {name!r}: absent" for name in mine.keys() - theirs.keys()] + [f"{what} {name!r}: only here" for name in theirs.keys() - mine.keys()]
    for name in mine:
        pairs = {f.name: (getattr(theirs[name], f.name), getattr(mine[name], f.name)) for f in fields(mine[name])} if name in theirs else {}
        if parts := [f"{field} {here!r} instead of {there!r}" for field, (here, there) in pairs.items() if here != there]:
            found.append(f"{what} {name!r}: {', '.join(parts)}")
    return sorted(found)


def _known(samples: Sequence[Episode], meant: set[str]) -> set[str]:
    """Parts of truth that all of these have, in the same shapes and of the same things; `meant` are fields of the spec that all share."""
    shapes = [{path: leaf.shape[1:] for path, leaf in flatten(one).items() if path.startswith("truth.")} for one in samples]

    def same(part: str) -> bool:
        of_part = [{path: shape for path, shape in one.items() if path.split(".")[1] == part} for one in shapes]
        of_same = part == "scene_flow" or (part if part in MEANT else "objects") in meant  # flow is of places, whatever is there
        return of_same and all(one == of_part[0] for one in of_part)

    return {part for part in {path.split(".")[1] for one in shapes for path in one} if same(part)}


def _left_out(specs: Sequence[DataSpec], samples: Sequence[Episode], joined: DataSpec, kept: set[str], known: set[str]) -> list[str]:
    """What some of the sets hold and the joined one will not."""
    felt = dict.fromkeys(slot.name for spec in specs for slot in spec.observes.proprio if slot not in joined.observes.proprio)
    judged = [name for name in OPTIONAL if name not in kept and any(getattr(one, name) is not None for one in samples)]
    parts = {path.split(".")[1] for one in samples for path in flatten(one) if path.startswith("truth.")}
    return [*(f"proprioception {name!r}" for name in felt), *judged, *(f"truth of {part}" for part in sorted(parts - known))]


def _spec(specs: Sequence[DataSpec], meant: set[str]) -> DataSpec:
    """Of the joined set, with these fields that say what truth is of."""
    first = specs[0]
    felt = tuple(slot for slot in first.observes.proprio if all(slot in one.observes.proprio for one in specs))
    sources = [*dict.fromkeys(spec.source.removeprefix(JOINED) for spec in specs if spec.source)]
    mixed = len(sources) > 1 and any(IMAGINED in source for source in sources)  # no longer a set that one model imagined
    return DataSpec(
        observes=replace(first.observes, proprio=felt),
        acts=first.acts,
        rate=first.rate,
        sentences=tuple(dict.fromkeys(sentence for spec in specs for sentence in spec.sentences)),
        embodiment=first.embodiment,
        source=JOINED * mixed + "; ".join(sources),
        **{name: getattr(first, name) for name in meant},
    )


def _with(episode: Episode, kept: set[str], known: set[str], places: Sequence[int]) -> Episode:
    """What is kept of an episode; `known` are parts of its truth, `places` columns of its proprioception."""
    truth = Truth(**{part: getattr(episode.truth, part) for part in known}) if known else None
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
        truth=truth,
    )
