"""The demonstration's claim over several training seeds: one row per policy, outcomes of all seeds together, as results/*.json.

The same goals are tried with every training seed, so outcomes are not independent: beside the pooled Wilson interval stands
each seed's own rate, and the interval of the difference to the trivial policy is drawn over seeds and goals.
"""

import json
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from wam.evaluate.intervals import Interval, wilson
from wam.evaluate.origin import Origin, command_line, device_name, versions
from wam.evaluate.success import SuccessRow
from wam.jobs.compare import paired_by_seed
from wam.jobs.demo import DemoConfig, act, record, train
from wam.train import source_hash
from wam.world import Spec


@dataclass(frozen=True, kw_only=True)
class SeedResult(Spec):
    """What is claimed, and everything needed to judge it."""

    success: Interval  # lewm, all seeds and goals
    over_trivial: Interval  # minus drive_to_goal on the same goals
    per_seed: tuple[float, ...]
    rows: tuple[SuccessRow, ...]  # references once, lewm once per seed
    origin: Origin


def run_seeds(folder: Path, result: Path, *, seeds: int, goals: int, console: Console) -> SeedResult:
    """Train and act once per seed; writes `result`. Stopped runs go on where they were."""
    started, rows, outcomes = time.monotonic(), list[SuccessRow](), list[tuple[bool, ...]]()
    for seed in range(seeds):
        config = DemoConfig(goals=goals, seed=seed)
        run = train(folder, record(folder / "data", config, console), config)
        found, _ = act(run, config, console, references=seed == 0)
        rows += found
        outcomes.append(next(row.outcomes for row in found if row.name == "lewm"))
    solved = torch.tensor(outcomes, dtype=torch.float64)
    trivial = torch.tensor(next(row.outcomes for row in rows if row.name == "drive_to_goal"), dtype=torch.float64)
    made = SeedResult(
        success=wilson(int(solved.sum()), solved.numel()),
        over_trivial=paired_by_seed(solved - trivial),
        per_seed=tuple(solved.mean(1).tolist()),
        rows=tuple(rows),
        origin=Origin(
            command=command_line(),
            protocol=f"{goals} held-out goal images per training seed, the same for all; success at the end of the budget; pictures only.",
            seeds=f"training 0 to {seeds - 1}; evaluation 2,000,000 and up",
            device=device_name(),
            wall_seconds=time.monotonic() - started,
            versions=versions(),
            recipe="lewm tiny",
            commit=commit(),
            sources=source_hash(),
            data=f"{DemoConfig().episodes} recorded episodes of the push world",
        ),
    )
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(made.to_dict(), indent=1))
    return made


def commit() -> str:
    """Of the working folder, "" where it is no repository."""
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip()
