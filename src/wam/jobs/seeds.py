"""The demonstration's claim over several training seeds: one row per policy, outcomes of all seeds together, as results/*.json.

The same goals are tried with every training seed, so outcomes are not independent: intervals are over trainings and goals, and beside them
stands each seed's own rate.
The first seed's model is also checked for conformance and judged open loop, on fresh episodes.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from wam.evaluate.card import CLEAR, RolloutCard
from wam.evaluate.intervals import Interval, difference_over_trainings, rate_over_trainings
from wam.evaluate.origin import Origin
from wam.evaluate.result import EPISODES, TRAININGS, Result, Verdicts, enough
from wam.evaluate.sources import Sources
from wam.evaluate.success import SuccessRow
from wam.jobs.control import MARGIN
from wam.jobs.demo import DemoConfig, act, judge, record, train
from wam.jobs.imagine import conforms, uses_conditions
from wam.jobs.origins import JUDGED
from wam.recipes.runs import Run, sources_of


@dataclass(frozen=True, kw_only=True)
class SeedResult(Result):
    """What is claimed, and everything needed to judge it."""

    success: Interval  # lewm, all seeds and goals
    over_trivial: Interval  # minus drive_to_goal on the same goals
    per_seed: tuple[float, ...]
    rows: tuple[SuccessRow, ...]  # references once, lewm once per seed
    card: RolloutCard  # of the first seed's model


def run_seeds(folder: Path, result: Path, *, seeds: int, goals: int, console: Console) -> SeedResult:
    """Train and act once per seed; writes `result`. Stopped trainings go on where they were."""
    started, rows, outcomes, runs = time.monotonic(), list[SuccessRow](), list[tuple[bool, ...]](), list[Run]()
    sources = Sources.of("wam.jobs.seeds", "wam.recipes.lewm", "wam.sim.worlds.push")  # as they are now: a run is long
    data = record(folder / "data", DemoConfig(), console)
    for seed in range(seeds):
        config = DemoConfig(goals=goals, seed=seed)
        run = train(folder, data, config)
        runs.append(run)
        if seed == 0:
            card, _ = judge(run, data, config)
        found, _ = act(run, config, console, references=seed == 0)
        rows += found
        outcomes.append(next(row.outcomes for row in found if row.name == "lewm"))
    solved = torch.tensor(outcomes)
    trivial = torch.tensor(next(row.outcomes for row in rows if row.name == "drive_to_goal"))
    over_trivial = difference_over_trainings(solved, trivial.expand_as(solved))
    made = SeedResult(
        success=rate_over_trainings(solved),
        over_trivial=over_trivial,
        per_seed=tuple(solved.double().mean(1).tolist()),
        rows=tuple(rows),
        card=card,
        verdicts=Verdicts(
            conforms=conforms(runs[0]),
            uses_conditions=uses_conditions(card),
            learns=over_trivial.low >= MARGIN if enough(trainings=seeds, episodes=solved.numel()) else None,
        ),
        origin=Origin.now(
            started=started,
            protocol=(
                f"{goals} held-out goal images per training seed, the same for all; success at the end of the budget; pictures only. "
                f"Learns: at least {MARGIN:.0%} above drive_to_goal, whole interval, over {TRAININGS} trainings and {EPISODES} episodes or more. "
                f"Uses its conditions: every error with true actions that can be read below {CLEAR} times that with shuffled ones, whole interval."
            ),
            seeds=f"training 0 to {seeds - 1}; {JUDGED}",
            sources=sources,
            recipe="lewm tiny",
            data=f"{DemoConfig().episodes} recorded episodes of the push world, {run.trained_on.fingerprint}",
            statistics=run.trained_on.statistics,
            weights=sources_of(*runs),
        ),
    )
    made.save(result)
    return made
