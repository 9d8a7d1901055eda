"""The chunks of one run, executed in every way, from the same held-out starts: success beside the preset's way, and what a decision costs a robot.

The ways: the first 1, 2, 4, ... steps of each chunk; at every step the mean of all chunks that cover it; answers that are 0, 1, 2, 4, ...
steps late, up to half a chunk, asked for as often as the preset says and as often as they come, joined to the chunk that runs in every way that
the policy can. One training, so no verdict.
Does not know: how the policy draws its chunks.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wam.evaluate.intervals import Interval
from wam.evaluate.result import Result
from wam.evaluate.sources import Sources
from wam.evaluate.success import SuccessRow, compare_success, evaluation_seeds, measure_success
from wam.jobs.control import in_steps_of, require_world
from wam.jobs.deciding import PRESET, Deciding, policy_of
from wam.jobs.origins import origin_of
from wam.jobs.place import BATCH, Place
from wam.plan.control.chunks import Join
from wam.plan.control.continues import Continues
from wam.plan.control.latency import Latency, Metered
from wam.plan.control.rollout import rollout
from wam.recipes.runs import load
from wam.show.bars import Bars
from wam.show.report import Table
from wam.show.words import bracketed, duration, points
from wam.world import Noise, Policy, Spec

TIMED = 5  # episodes of one robot over which decisions are timed


@dataclass(frozen=True, kw_only=True)
class Way(Spec):
    """What came of one way to execute chunks."""

    success: SuccessRow  # its name is what `wam control` and `wam serve` are told
    over_preset: Interval | None  # success minus that of the preset's way, paired by start; None = it is that way
    execute: int  # steps between decisions
    latency: Latency  # one robot


@dataclass(frozen=True, kw_only=True)
class ChunksResult(Result):
    """All ways, the preset's first."""

    ways: tuple[Way, ...]
    policy: str
    chunk: int  # steps that a decision draws
    rate: float  # steps per second


def execute_chunks(folder: Path, world: str, *, goals: int, options: Mapping[str, object] | None = None, bars: Bars, device: str = "cpu") -> ChunksResult:
    """Let the run act in every way. SpecError for one that draws no chunks, or that does not fit the world."""
    place, started = Place(world, options or {}, device), time.monotonic()
    run = load(folder, device=device)
    sources = Sources.of("wam.jobs.chunks", f"wam.recipes.{run.recipe.name}", f"wam.sim.worlds.{world}")
    place = place.sized_for(run)
    env, one, own = place.shown(min(BATCH, goals), run.preset), place.shown(1, run.preset), place.make(1).spec
    run = run.read(env.spec.sentences)
    policy, rows = run.policy(), list[SuccessRow]()
    require_world(policy, env, run.name)
    every = {told(way) or f"as the preset says: --execute {policy.spec.execute}": policy_of(run, way) for way in ways(policy)}
    for name, acting in every.items():
        row = measure_success(env, acting, name=name, seeds=evaluation_seeds(goals), progress=bars.task(name))
        rows.append(in_steps_of(row, own, env.spec))
    timed = [Metered(acting) for acting in every.values()]
    for seed in evaluation_seeds(TIMED):  # in turn, so that other work on the machine slows all alike
        for meter in timed:
            rollout(one, meter, one.spec.budget, seeds=[seed], noise=Noise.of([seed], device))
    over = [None, *(compare_success(row, rows[0]).difference for row in rows[1:])]
    found = zip(rows, over, timed, strict=True)
    return ChunksResult(
        ways=tuple(Way(success=row, over_preset=points, execute=meter.spec.execute, latency=meter.latency()) for row, points, meter in found),
        policy=run.name,
        chunk=policy.spec.chunk,
        rate=policy.spec.rate,
        origin=origin_of(
            run,
            started=started,
            protocol=(
                f"{goals} held-out starts of {place}, the same for all; success at the end of the budget of "
                f"{rows[0].steps} steps. One training: intervals are over starts alone. Decisions timed over {TIMED} episodes of one robot, all ways in turn."
            ),
            sources=sources,
            device=device,
        ),
    )


def ways(policy: Policy[Any]) -> list[Deciding]:
    """The preset's first. Of ways that come to the same, one."""
    chunk, usual = policy.spec.chunk, policy.spec.execute
    found = [PRESET, *(Deciding(execute=count) for count in doubled(chunk) if count != usual), Deciding(ensemble=True)]
    joins: tuple[Join, ...] = ("given", "blend", "cut") if isinstance(policy, Continues) else ("blend", "cut")
    for delay in (0, *doubled(chunk // 2)):
        for execute in sorted({min(max(usual, delay), chunk - delay), delay or usual}):
            same = "cut" if delay == 0 else "blend" if execute == chunk - delay else None  # nothing is frozen, nothing is left to blend
            found += [Deciding(execute=execute, delay=delay, join=join) for join in joins if join != same]
    return found


def doubled(most: int) -> list[int]:
    """1, 2, 4, ... and `most`; nothing for 0."""
    return sorted({2**power for power in range(most.bit_length())} | {most}) if most else []


def told(way: Deciding) -> str:
    """As on the command line; empty for the preset's way."""
    values = {"--delay": way.delay, "--execute": way.execute, "--join": way.join}
    return " ".join([*(["--ensemble"] if way.ensemble else []), *(f"{name} {value}" for name, value in values.items() if value is not None)])


def ways_summary(result: ChunksResult) -> Table:
    """A line per way."""
    return Table(
        title="Chunks executed in every way",
        columns=("options", "steps between decisions", "solved at the end", "minus the preset's way, points", "per decision"),
        rows=tuple(_line(way) for way in result.ways),
        numbers=(1, 2, 3, 4),
        note=f"{result.policy} draws {result.chunk} steps at once, {1 / result.rate:.2g} s each. {result.ways[0].success.episodes} held-out starts, the same "
        "for all, with 95 % intervals over starts alone: one training, so no verdict. Per decision: one robot, the median.",
    )


def _line(way: Way) -> tuple[str, ...]:
    row, over = way.success, way.over_preset
    apart = "" if over is None else points(over.value, over.low, over.high)
    return row.name, str(way.execute), bracketed(row.success, row.low, row.high), apart, duration(way.latency.milliseconds / 1000)
