"""Let a trained model act in a world, beside the world's own reference policies, on the same held-out starts."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wam.evaluate.origin import Origin
from wam.evaluate.result import Result
from wam.evaluate.sources import Sources
from wam.evaluate.success import SuccessRow, compare_success, evaluation_seeds, measure_success
from wam.jobs.record import load_world
from wam.recipes.runs import Run, load
from wam.show.bars import Bars
from wam.show.report import Report
from wam.show.sections import episodes_section, origin_section, success_sections
from wam.sim.adapters.skip import Skip
from wam.world import Env, Episodes, Policy, SpecError

BATCH = 50  # goals tried together
REFERENCES = ("random", "drive_to_goal")  # before the model
CEILING = "expert"  # after it


@dataclass(frozen=True, kw_only=True)
class ControlResult(Result):
    """A trained run and the world's reference policies over the same held-out starts."""

    rows: tuple[SuccessRow, ...]


def control_run(
    folder: Path, world: str, *, goals: int, options: Mapping[str, object] | None = None, bars: Bars, device: str = "cpu"
) -> tuple[ControlResult, Path]:
    """See `control`; the run is loaded from its folder. Also writes control.html there, and returns its path."""
    load_world(world)  # its name first: a wrong one has a better error than what follows
    started, run = time.monotonic(), load(folder, device=device)
    sources = Sources.of("wam.jobs.control", f"wam.recipes.{run.recipe.name}", f"wam.sim.worlds.{world}")
    rows, films = control(run, world, goals=goals, options={**size_of(run), **(options or {})}, bars=bars, device=device)
    origin = Origin.now(
        started=started,
        protocol=f"{goals} held-out starts of {world!r}, options {dict(options or {})}; success at the end of the budget of {rows[0].steps} steps.",
        seeds="evaluation 2,000,000 and up",
        sources=sources,
        device=device,
        recipe=run.name,
        data=run.trained_on.fingerprint,
        statistics=run.trained_on.statistics,
    )
    acted = next(row for row in rows if row.name == run.recipe.name)
    page = Report(
        title=f"{run.name} in the world {world}",
        summary=f"It solves {acted.success:.0%} of {acted.episodes} held-out starts ({acted.low:.0%} to {acted.high:.0%}).",
        sections=(
            *success_sections(rows, [compare_success(acted, row) for row in rows if row is not acted]),
            episodes_section(acted, films[acted.name], rate=run.data.rate),
            origin_section(origin),
        ),
    )
    return ControlResult(rows=tuple(rows), origin=origin), page.save(folder / "control.html")


def control(
    run: Run, world_name: str, *, goals: int, options: Mapping[str, object], bars: Bars, references: bool = True, device: str = "cpu"
) -> tuple[list[SuccessRow], dict[str, Episodes]]:
    """One row per policy (references, the model, the expert), and the first batch of episodes of each."""
    module = load_world(world_name)
    if wrong := [name for name, size in size_of(run).items() if options.get(name, size) != size]:
        raise SpecError(f"the model was trained on pictures of {size_of(run)['size']} px, the option size={options[wrong[0]]} asks for others: leave it out.")
    env: Env = module.make(min(BATCH, goals), device=device, **options)
    policies: dict[str, Policy[Any]] = {name: module.POLICIES[name](env) for name in REFERENCES if references and name in module.POLICIES}
    policies[run.recipe.name] = run.policy()
    if references and CEILING in module.POLICIES:
        policies[CEILING] = module.POLICIES[CEILING](env)
    rows, films = [], {}
    for name, policy in policies.items():
        seen: list[Episodes] = []
        seeds = evaluation_seeds(goals)
        world = clocked(env, run) if name == run.recipe.name else env
        row = measure_success(world, policy, name=name, seeds=seeds, watch=seen.append, progress=bars.task(name))
        rows.append(in_steps_of(row, env.spec.budget // world.spec.budget))
        films[name] = seen[0]
    return rows, films


def clocked(env: Env, run: Run) -> Env:
    """The world at the steps that the model was trained on."""
    return Skip(env, run.preset.skip) if run.preset.skip > 1 else env


def size_of(run: Run) -> dict[str, int]:
    """The world option that gives the model pictures of the size that it was trained on."""
    heights = {camera.height for camera in run.model.spec.observes.cameras.values()}
    return {"size": heights.pop()} if len(heights) == 1 else {}


def in_steps_of(row: SuccessRow, skip: int) -> SuccessRow:
    """A row that was measured on a slower clock, counted in the world's own steps."""
    return replace(row, steps=row.steps * skip, first_solved=tuple(None if step is None else step * skip for step in row.first_solved))
