"""Let trained runs act for reward, in a world whose episodes are judged by their return.

Arms over the same held-out starts: as the recipe says ("on"); with its mechanism switched off, where that needs no training of
its own ("off"); doing nothing, and at random. All runs together: means over runs and starts, differences paired by both.
Does not know: how the runs were trained.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from wam.data import open_dataset
from wam.evaluate.intervals import Interval, over_trainings
from wam.evaluate.result import EPISODES, TRAININGS, Result, Verdicts, enough, verdict_on
from wam.evaluate.returns import ReturnRow, measure_return
from wam.evaluate.sources import Sources
from wam.evaluate.success import evaluation_seeds
from wam.jobs.at_hand import data_of
from wam.jobs.control import require_alike, require_world
from wam.jobs.origins import origin_of
from wam.jobs.place import Place
from wam.recipes.runs import Run, load
from wam.world import Idle, Policy, Uniform

BATCH = 10  # episodes played together


@dataclass(frozen=True, kw_only=True)
class ScoreResult(Result):
    """Runs of one recipe, judged by return."""

    world: str  # with its options
    rows: tuple[ReturnRow, ...]  # random and idle once; then on, and off where there is that, once per run
    reached: Interval  # on: mean over runs and starts
    mechanism: str  # what is switched off; "" = nothing can be
    over_off: Interval | None  # on minus off, same runs and starts
    trivial: str  # random or idle, whichever collects more
    over_trivial: Interval
    published: float | None  # the paper's score after as many steps
    steps: int  # decisions made in the world while learning
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
    place, started = Place(world, options or {}, device), time.monotonic()
    runs = [load(folder, device=device) for folder in folders]
    run = require_alike(runs)
    place = place.sized_for(run)
    env = place.shown(min(BATCH, episodes), run.preset)
    sources = Sources.of("wam.jobs.score", "wam.jobs.practise", f"wam.recipes.{run.recipe.name}", f"wam.sim.worlds.{world}")
    seeds, arms = evaluation_seeds(episodes), [arm for each in runs for arm in arms_of(each.read(env.spec.sentences))]
    for name, policy in arms:
        require_world(policy, env, f"{run.name} ({name})")
    trivial = [measure_return(env, policy, name=name, seeds=seeds) for name, policy in (("random", Uniform(env.spec)), ("idle", Idle(env.spec)))]
    rows, best = list(trivial), max(trivial, key=lambda row: row.mean)
    for done, (name, policy) in enumerate(arms):
        rows.append(measure_return(env, policy, name=name, seeds=seeds))
        if progress is not None:
            progress(done + 1, len(arms))
    on, off = returns_of(rows, "on"), returns_of(rows, "off")
    over_off, over_trivial = over_trainings(on - off) if len(off) else None, over_trainings(on - returns_of(rows, best.name))
    return ScoreResult(
        world=str(place),
        rows=tuple(rows),
        reached=over_trainings(on),
        mechanism=run.recipe.mechanism.name if over_off is not None and run.recipe.mechanism is not None else "",
        over_off=over_off,
        trivial=best.name,
        over_trivial=over_trivial,
        published=published,
        steps=lived(run),
        parameters=sum(parameter.numel() for parameter in run.model.parameters()),
        verdicts=Verdicts(
            learns=over_trivial.low > 0 if enough(trainings=len(runs), episodes=episodes * len(runs)) else None,
            mechanism=None if over_off is None else verdict_on(over_off, trainings=len(runs), episodes=episodes * len(runs)),
        ),
        origin=origin_of(
            *runs,
            started=started,
            protocol=(
                f"{episodes} held-out starts per run and arm, the same for all; undiscounted return of whole episodes. "
                f"Learns: above the better of random and idle, whole interval. Verdicts need {TRAININGS} trainings and {EPISODES} episodes an arm."
            ),
            sources=sources,
            device=device,
        ),
    )


def arms_of(run: Run) -> list[tuple[str, Policy[Any]]]:
    """With the recipe's mechanism, and without where the same model can do that."""
    found, mechanism = [("on", run.policy())], run.recipe.mechanism
    if mechanism is not None and not mechanism.trained:
        found.append(("off", run.policy_under(mechanism.off(run.preset))))
    return found


def lived(run: Run) -> int:
    """Decisions made in the world while learning; as planned, where the replay no longer lies there."""
    path = data_of(run) if run.trained_on.world else None
    if path is None:
        return run.trained_on.frames
    replay = open_dataset(path)
    return replay.frames - len(replay)


def returns_of(rows: Sequence[ReturnRow], name: str) -> torch.Tensor:
    """Runs by starts."""
    return torch.tensor([row.returns for row in rows if row.name == name], dtype=torch.float64)
