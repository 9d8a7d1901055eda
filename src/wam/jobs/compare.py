"""The mechanism comparison: a recipe with its idea on and off, same data, steps, seeds and goals; judged by success in a world.

`compare_prediction` judges by predictions instead. The verdict is "effect", "null" or "reversed" by whether the 95 % interval of the
difference in success excludes zero; no verdict rests on fewer than three trainings of each arm. The interval is Student's over training seeds
and over goals, which all seeds share.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from wam.evaluate.adding import older_ones, require_same
from wam.evaluate.intervals import Interval, difference_over_trainings
from wam.evaluate.origin import Origin
from wam.evaluate.result import Result, Verdicts, verdict_on
from wam.evaluate.sources import Sources
from wam.evaluate.success import evaluation_seeds, measure_success, require_judged
from wam.jobs.imagine import short
from wam.jobs.origins import JUDGED, origin_of
from wam.jobs.place import BATCH, Place
from wam.recipes.recipe import Mechanism, Preset, load_recipe
from wam.recipes.runs import Run, train_recipe
from wam.world import SpecError


@dataclass(frozen=True, kw_only=True)
class MechanismComparison(Result):
    """Paired outcomes of two arms."""

    mechanism: str
    difference: Interval  # success with the mechanism minus without
    episodes: int  # per arm, over all seeds
    solved_on: int
    solved_off: int
    seeds: tuple[int, ...]
    older: tuple[int, ...] = ()  # of them, what earlier sources measured, or of another recording of the data
    outcomes_on: tuple[tuple[bool, ...], ...]  # seed by goal
    outcomes_off: tuple[tuple[bool, ...], ...]


def compare_mechanism(
    recipe: str,
    data: str | Path,
    folder: Path,
    result: Path,
    *,
    world: str,
    goals: int,
    seeds: int,
    options: Mapping[str, object] | None = None,
    labels: float = 1.0,
    steps: int | None = None,
    preset: str = "tiny",
    earlier: MechanismComparison | None = None,
    device: str = "cpu",
) -> MechanismComparison:
    """Train and control both arms; writes `result`. Trained runs in `folder` (run-SEED, off-SEED) are used again.

    `earlier`: figures of other trainings, which count along though their runs may be gone; those trained here have the seeds after theirs.
    SpecError where the recipe declares no mechanism, and for figures of anything else than other trainings.
    """
    started, place = time.monotonic(), Place(world, options or {}, device)
    require_judged(place.make(1).spec)  # before anything is trained
    size = load_recipe(recipe).preset(preset).size
    place = place if size is None else place.of_size(size)
    mechanism, new = mechanism_of(recipe).name, following(earlier.seeds if earlier else (), seeds)
    protocol = f"{goals} held-out starts of {place} per training seed and arm, the same for all; success at the end of the budget; trained on "
    protocol += f"{short(data)}.{shown(labels, steps)}"
    if earlier is not None:
        there, system = earlier.origin, f"{recipe} {preset}"
        require_same((("mechanism", earlier.mechanism, mechanism), ("system", system_of(there), system), ("protocol", there.protocol, protocol)))
    sources = Sources.of("wam.jobs.compare", f"wam.recipes.{recipe}", f"wam.sim.worlds.{world}")  # as they are now: a run is long
    outcomes = {"on": [*earlier.outcomes_on], "off": [*earlier.outcomes_off]} if earlier else {"on": [], "off": []}
    counted, runs = (*(earlier.seeds if earlier else ()), *new), list[Run]()
    for arm, run in trained_arms(recipe, data, folder, seeds=new, labels=labels, steps=steps, preset=preset, device=device):
        env = place.sized_for(run).shown(min(BATCH, goals), run.preset)
        policy = run.read(env.spec.sentences).policy()
        runs.append(run)
        outcomes[arm].append(measure_success(env, policy, name=arm, seeds=evaluation_seeds(goals)).outcomes)
    on, off = (torch.tensor(outcomes[arm]) for arm in ("on", "off"))
    difference = difference_over_trainings(on, off)
    comparison = MechanismComparison(
        mechanism=mechanism,
        difference=difference,
        episodes=len(counted) * goals,
        solved_on=int(on.sum()),
        solved_off=int(off.sum()),
        seeds=counted,
        older=older_ones(earlier.origin, earlier.seeds, earlier.older, run.trained_on.fingerprint) if earlier else (),
        outcomes_on=tuple(outcomes["on"]),
        outcomes_off=tuple(outcomes["off"]),
        verdicts=Verdicts(mechanism=verdict_on(difference, trainings=len(counted), episodes=len(counted) * goals)),
        origin=origin_of(
            *runs,
            started=started,
            protocol=protocol,
            seeds=f"training {', '.join(map(str, counted))}; {JUDGED}",
            sources=sources,
            device=device,
        ),
    )
    comparison.save(result)
    return comparison


def trained_arms(
    recipe: str, data: str | Path, folder: Path, *, seeds: Iterable[int], labels: float, steps: int | None, preset: str, device: str
) -> Iterator[tuple[Literal["on", "off"], Run]]:
    """Seed by seed, with the mechanism and without; `labels`: share of the episodes whose actions are shown. SpecError where there is no mechanism."""
    mechanism = mechanism_of(recipe)
    arms: tuple[tuple[Literal["on", "off"], str, Callable[[Preset], Preset] | None], ...] = (("on", "run", mechanism.on), ("off", "off", mechanism.off))
    for seed in seeds:
        for arm, name, change in arms:
            run = folder / f"{name}-{seed}"
            yield (
                arm,
                train_recipe(recipe, data, run, preset=preset, change=change, labels=labels, steps=steps, seed=seed, device=device, resume=run.exists()),
            )


def system_of(origin: Origin) -> str:
    """Recipe and preset that earlier figures are of; the arm with the mechanism may be a change of the preset itself."""
    return origin.recipe.removesuffix(", changed")


def following(counted: tuple[int, ...], count: int) -> range:
    """The training seeds after those."""
    first = max(counted, default=-1) + 1
    return range(first, first + count)


def mechanism_of(recipe: str) -> Mechanism:
    """SpecError where the recipe declares none, or one that is switched off without training."""
    found = load_recipe(recipe).mechanism
    if found is None:
        raise SpecError(f"the recipe {recipe!r} declares no mechanism to switch off.")
    if not found.trained:
        raise SpecError(
            f"the mechanism of {recipe!r} ({found.name}) is switched off without training again, so there is nothing to train here. "
            "Train one run; `wam score RUN --world WORLD` lets it act with and without."
        )
    return found


def shown(labels: float, steps: int | None) -> str:
    """What of the actions was shown, and how many steps each stage took, as sentences to add; nothing where all were, and as many as the preset says."""
    some = "" if labels == 1 else f" Actions of {labels:.0%} of the episodes were shown, of the rest the video alone."
    return some if steps is None else f"{some} Each stage took {steps} steps."
