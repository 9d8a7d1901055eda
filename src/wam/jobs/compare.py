"""The mechanism comparison: a recipe with its idea on and off, same data, steps, seeds and goals.

The verdict is "effect", "null" or "reversed" by whether the 95 % interval of the difference in success excludes zero. It covers
goals and training seeds together: the interval is a bootstrap over seeds and, within a seed, over goals.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import torch

from wam.evaluate.intervals import Interval
from wam.evaluate.origin import Origin, command_line, commit, device_name, versions
from wam.evaluate.result import Result, Verdicts
from wam.evaluate.sources import Sources
from wam.evaluate.success import evaluation_seeds, measure_success
from wam.jobs.control import BATCH, size_of
from wam.jobs.record import load_world
from wam.recipes.recipe import load_recipe
from wam.recipes.runs import train_recipe
from wam.sim.adapters.skip import Skip
from wam.world import Env, SpecError

RESAMPLES = 10_000


@dataclass(frozen=True, kw_only=True)
class MechanismComparison(Result):
    """Paired outcomes of two arms."""

    mechanism: str
    difference: Interval  # success with the mechanism minus without
    episodes: int  # per arm, over all seeds
    solved_on: int
    solved_off: int
    seeds: tuple[int, ...]
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
    steps: int | None = None,
    preset: str = "tiny",
    device: str = "cpu",
) -> MechanismComparison:
    """Train and control both arms; writes `result`. Trained runs in `folder` (run-SEED, off-SEED) are used again.

    SpecError where the recipe declares no mechanism.
    """
    started, found = time.monotonic(), load_recipe(recipe)
    sources = Sources.of("wam.jobs.compare", f"wam.recipes.{recipe}", f"wam.sim.worlds.{world}")  # as they are now: a run is long
    if found.mechanism is None:
        raise SpecError(f"the recipe {recipe!r} declares no mechanism to switch off.")
    module, outcomes = load_world(world), dict[str, list[tuple[bool, ...]]](on=[], off=[])
    for seed in range(seeds):
        for arm in ("on", "off"):
            chosen = found.preset(preset) if arm == "on" else found.mechanism.off(found.preset(preset))
            place = folder / (f"run-{seed}" if arm == "on" else f"off-{seed}")
            run = train_recipe(recipe, data, place, preset=chosen, steps=steps, seed=seed, device=device, resume=place.exists())
            env: Env = module.make(min(BATCH, goals), device=device, **size_of(run))
            env = Skip(env, run.preset.skip) if run.preset.skip > 1 else env
            outcomes[arm].append(measure_success(env, run.policy(), name=arm, seeds=evaluation_seeds(goals)).outcomes)
    on, off = (torch.tensor(outcomes[arm], dtype=torch.float64) for arm in ("on", "off"))
    difference = paired_by_seed(on - off)
    comparison = MechanismComparison(
        mechanism=found.mechanism.name,
        difference=difference,
        episodes=seeds * goals,
        solved_on=int(on.sum()),
        solved_off=int(off.sum()),
        seeds=tuple(range(seeds)),
        outcomes_on=tuple(outcomes["on"]),
        outcomes_off=tuple(outcomes["off"]),
        verdicts=Verdicts(mechanism="effect" if difference.low > 0 else "reversed" if difference.high < 0 else "null"),
        origin=Origin(
            command=command_line(),
            protocol=f"{goals} held-out starts of {world!r} per training seed and arm, the same for all; success at the end of the budget.",
            seeds=f"training 0 to {seeds - 1}; evaluation 2,000,000 and up",
            device=device_name(device),
            wall_seconds=time.monotonic() - started,
            versions=versions(),
            sources=sources,
            recipe=f"{recipe} {preset}",
            commit=commit(),
            data=str(data),
        ),
    )
    comparison.save(result)
    return comparison


def paired_by_seed(difference: torch.Tensor) -> Interval:
    """Mean of "seeds goals" differences with a two-level bootstrap: seeds are drawn, then goals within each."""
    seeds, goals = difference.shape
    chance = torch.Generator().manual_seed(0)
    which = torch.randint(0, seeds, (RESAMPLES, seeds), generator=chance)
    goal = torch.randint(0, goals, (RESAMPLES, seeds, goals), generator=chance)
    means = difference[which[:, :, None], goal].mean((1, 2))
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype)).tolist()
    return Interval(value=float(difference.mean()), low=low, high=high)
