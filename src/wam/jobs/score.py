"""Let trained runs act for reward, in a world whose episodes are judged by their return.

Three arms over the same held-out starts: planning as the recipe says; what the model would do without planning, where it has
habits; actions at random. All runs together: means over runs and starts, differences paired by both.
Does not know: how the runs were trained.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from wam.evaluate.intervals import Interval, paired_by_seed
from wam.evaluate.origin import Origin
from wam.evaluate.result import Result, Verdicts
from wam.evaluate.returns import ReturnRow, measure_return
from wam.evaluate.sources import Sources
from wam.evaluate.success import evaluation_seeds
from wam.jobs.control import clocked, require_alike, size_of
from wam.jobs.practise import described
from wam.jobs.record import load_world
from wam.plan.control.uniform import Uniform
from wam.plan.planners import Habit
from wam.recipes.runs import Run, load, planning
from wam.world import Env, Policy, Proposes, WorldModel

BATCH = 10  # episodes played together


@dataclass(frozen=True, kw_only=True)
class ScoreResult(Result):
    """Runs of one recipe, judged by return."""

    world: str  # with its options
    rows: tuple[ReturnRow, ...]  # random once; then planning, and habit where there is one, once per run
    planning: Interval  # mean over runs and starts
    over_habit: Interval | None  # planning minus habit, same runs and starts; None = the model has no habits
    over_random: Interval
    published: float | None  # the paper's score after as many steps
    steps: int  # lived through in training, by the world's own clock
    parameters: int  # of one run's model


def score_runs(
    folders: Sequence[Path],
    world: str,
    *,
    episodes: int,
    options: Mapping[str, object] | None = None,
    published: float | None = None,
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> ScoreResult:
    """Play `episodes` held-out starts with every run and arm. SpecError for runs of different recipes, presets or data."""
    module, started, runs = load_world(world), time.monotonic(), [load(folder, device=device) for folder in folders]
    run = require_alike(runs)
    options = {**size_of(run), **(options or {})}
    env: Env = clocked(module.make(min(BATCH, episodes), device=device, **options), run)
    sources = Sources.of("wam.jobs.score", "wam.jobs.practise", f"wam.recipes.{run.recipe.name}", f"wam.sim.worlds.{world}")
    seeds, arms = evaluation_seeds(episodes), [arm for each in runs for arm in arms_of(each)]
    rows = [measure_return(env, Uniform(env.spec), name="random", seeds=seeds)]
    for done, (name, policy) in enumerate(arms):
        rows.append(measure_return(env, policy, name=name, seeds=seeds))
        if progress is not None:
            progress(done + 1, len(arms))
    by_plan, by_habit, by_chance = (returns_of(rows, name) for name in ("planning", "habit", "random"))
    over_habit = paired_by_seed(by_plan - by_habit) if len(by_habit) else None
    return ScoreResult(
        world=described(world, options),
        rows=tuple(rows),
        planning=paired_by_seed(by_plan),
        over_habit=over_habit,
        over_random=paired_by_seed(by_plan - by_chance),
        published=published,
        steps=run.trained_on.frames,
        parameters=sum(parameter.numel() for parameter in run.model.parameters()),
        verdicts=Verdicts(mechanism=None if over_habit is None else "effect" if over_habit.low > 0 else "reversed" if over_habit.high < 0 else "null"),
        origin=Origin.now(
            started=started,
            protocol=f"{episodes} held-out starts per run and arm, the same for all; undiscounted return of whole episodes.",
            seeds=f"training {', '.join(str(each.seed) for each in runs)}; evaluation 2,000,000 and up",
            sources=sources,
            device=device,
            recipe=run.name,
            data=run.trained_on.fingerprint,
            statistics=run.trained_on.statistics,
        ),
    )


def arms_of(run: Run) -> list[tuple[str, Policy[Any]]]:
    """With planning, and without where the model has habits."""
    model: WorldModel[Any] = run.model
    found = [("planning", run.policy())]
    if isinstance(model, Proposes):
        found.append(("habit", planning(model, run.recipe, replace(run.preset, planner=Habit(), proposals=1))))
    return found


def returns_of(rows: Sequence[ReturnRow], name: str) -> torch.Tensor:
    """Runs by starts."""
    return torch.tensor([row.returns for row in rows if row.name == name], dtype=torch.float64)
