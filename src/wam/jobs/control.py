"""Let a trained model act in a world, beside the world's own reference policies, on the same held-out starts."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from wam.evaluate.adding import older_ones, require_new, require_same
from wam.evaluate.pooled import Pooled, pooled
from wam.evaluate.result import EPISODES, TRAININGS, Result, Verdicts, enough
from wam.evaluate.sources import Sources
from wam.evaluate.success import SuccessRow, compare_success, evaluation_seeds, measure_success, require_judged
from wam.jobs.deciding import PRESET, Deciding, deciding_of, policy_of
from wam.jobs.origins import JUDGED, origin_of
from wam.jobs.place import BATCH, Place
from wam.jobs.practise import as_shown
from wam.recipes.runs import Run, load
from wam.show.bars import Bars
from wam.show.report import Report
from wam.show.sections import episodes_section, origin_section, success_sections
from wam.world import Env, EnvSpec, Episodes, Policy, PolicySpec, SpecError, Task, WorldModelSpec

MARGIN = 0.25  # over the best trivial policy: what "learns" asks for
TRIVIAL = ("random", "idle", "stay", "drive_to_goal")  # before the model
GOING = "drive_to_goal"  # needs a goal to drive to
CEILINGS = ("replay", "expert")  # after it


@dataclass(frozen=True, kw_only=True)
class ControlResult(Result):
    """Runs of one recipe and the world's reference policies over the same held-out starts."""

    rows: tuple[SuccessRow, ...]  # trivial policies, one row per run, ceilings
    trained: tuple[int, ...] = ()  # training seed of each run's row; () = not told apart
    older: tuple[int, ...] = ()  # of them, what earlier sources measured, or of another recording of the data
    pooled: Pooled | None  # all runs together; None where the world has no trivial policy
    parameters: int  # of one run's model
    learned_from: str  # name of the data set, or the world that was acted in
    needs: str  # what data, in words


def control_runs(
    folders: Sequence[Path],
    world: str,
    *,
    goals: int,
    options: Mapping[str, object] | None = None,
    deciding: Deciding = PRESET,
    earlier: ControlResult | None = None,
    written: Path | None = None,
    bars: Bars,
    device: str = "cpu",
) -> tuple[ControlResult, Path]:
    """Let each run act, beside the references. Writes `written`, then control.html into the first run's folder, and returns that one's path.

    `deciding`: otherwise than its preset says, which the names of its rows say; a verdict is of what the preset says alone.
    `earlier`: figures of other trainings, which count along though their runs may be gone.
    SpecError for runs of different recipes, presets or data, and for figures of anything else than another training.
    """
    place = Place(world, options or {}, device)
    started, runs = time.monotonic(), [load(folder, device=device) for folder in folders]
    run = require_alike(runs)
    sources = Sources.of("wam.jobs.control", f"wam.recipes.{run.recipe.name}", f"wam.sim.worlds.{world}")
    place = place.sized_for(run)
    shown = place.make(1).spec
    protocol = protocol_of(shown, str(place), goals)
    deciding = deciding_of(run, deciding)
    name = f"{run.recipe.name}{deciding}"
    if earlier is not None:
        require_other_trainings(earlier, runs, name, protocol)  # before hours of acting
    found = [control(each, place, goals=goals, deciding=deciding, bars=bars, references=each is run) for each in runs]
    (rows, films), others = found[0], [row for more, _ in found[1:] for row in more]
    own = next(index for index, row in enumerate(rows) if row.name == name)
    by_seed = dict(zip([each.seed for each in runs], [rows[own], *others], strict=True))
    older = {} if earlier is None else dict(zip(earlier.trained, [row for row in earlier.rows if row.name == name], strict=True))
    merged = dict(sorted({**older, **by_seed}.items()))
    trained, trivial = list(merged.values()), rows[:own]
    rows = [*trivial, *trained, *rows[own + 1 :]]
    together = pooled(trained, trivial) if trivial else None
    origin = origin_of(
        *runs,
        started=started,
        protocol=protocol,
        seeds=f"training {', '.join(map(str, merged))}; {JUDGED}",
        sources=sources,
        device=device,
    )
    result = ControlResult(
        rows=tuple(rows),
        trained=tuple(merged),
        older=() if earlier is None else older_ones(earlier.origin, earlier.trained, earlier.older, origin.data),
        pooled=together,
        parameters=sum(parameter.numel() for parameter in run.model.parameters()),
        learned_from=source_of(run),
        needs=run.recipe.card.data,
        verdicts=Verdicts(learns=_learns(together if deciding == PRESET else None, trainings=len(trained), episodes=goals * len(trained))),
        origin=origin,
    )
    if written is not None:  # before anything is drawn
        result.save(written)
    acted = by_seed[run.seed]
    page = Report(
        title=f"{run.name}{deciding} in the world {world}",
        summary=f"It solves {acted.success:.0%} of {acted.episodes} held-out starts ({acted.low:.0%} to {acted.high:.0%}).",
        sections=(
            *success_sections(rows, [compare_success(acted, row) for row in rows if row is not acted]),
            episodes_section(acted, films[acted.name], rate=run.data.rate, sentences=shown.sentences),
            origin_section(origin),
        ),
    )
    return result, page.save(run.folder / "control.html")


def protocol_of(world: EnvSpec, named: str, goals: int) -> str:
    """In words; what has another one cannot be counted along. `named`: the world with its options."""
    return (
        f"{goals} held-out starts of {named}, the same for all; success at the end of the budget of {world.budget} steps. "
        f"Learns: at least {MARGIN:.0%} above the best trivial policy, whole interval, over {TRAININGS} trainings and {EPISODES} episodes or more; "
        "a world where it is not says nothing of others."
    )


def require_other_trainings(earlier: ControlResult, runs: Sequence[Run], name: str, protocol: str) -> None:
    """SpecError where earlier figures are not those of other trainings of the same system, in the same world and from the same starts."""
    if not earlier.trained:
        raise SpecError("the figures that trainings are to be added to do not say which training each is of. Measure all of them anew, without --add.")
    theirs = ", ".join(dict.fromkeys(row.name for row in earlier.rows))
    if [row.name for row in earlier.rows].count(name) != len(earlier.trained):
        raise SpecError(f"the figures that trainings are to be added to are of {theirs}, and here {name} acts. Name another --result.")
    require_same(
        (
            ("system", earlier.origin.recipe, runs[0].name),
            ("data set", earlier.learned_from, source_of(runs[0])),
            ("protocol", earlier.origin.protocol, protocol),
        )
    )
    require_new((run.seed for run in runs), earlier.trained)


def source_of(run: Run) -> str:
    """Name of the data set that it learned from, and of how much of it the actions were shown where not of all; or of the world that it acted in."""
    some = "" if run.labels == 1 else f", actions of {run.labels:.0%}"
    return run.trained_on.world or f"{Path(run.trained_on.data).name}{some}"


def _learns(together: Pooled | None, *, trainings: int, episodes: int) -> bool | None:
    if together is None or not enough(trainings=trainings, episodes=episodes) or together.over_trivial.low < MARGIN:
        return None
    return True


def control(
    run: Run,
    place: Place,
    *,
    goals: int,
    deciding: Deciding = PRESET,
    bars: Bars,
    references: bool = True,
) -> tuple[list[SuccessRow], dict[str, Episodes]]:
    """One row per policy (trivial ones, the model, ceilings), and the first batch of episodes of each."""
    module, env = place.module, place.sized_for(run).make(min(BATCH, goals))
    require_judged(env.spec)
    trivial = [name for name in TRIVIAL if references and name in module.POLICIES and (name != GOING or shows_goal(env))]
    policies: dict[str, Policy[Any]] = {name: module.POLICIES[name](env) for name in trivial}
    own = f"{run.recipe.name}{deciding}"
    policies[own] = policy_of(run.read(env.spec.sentences), deciding)
    require_world(policies[own], as_shown(env, run.preset, place.device), run.name)
    policies |= {name: module.POLICIES[name](env) for name in CEILINGS if references and name in module.POLICIES}
    rows, films = [], {}
    for name, policy in policies.items():
        seen: list[Episodes] = []
        seeds = evaluation_seeds(goals)
        world = as_shown(env, run.preset, place.device) if name == own else env
        row = measure_success(world, policy, name=name, seeds=seeds, watch=seen.append, progress=bars.task(name))
        rows.append(in_steps_of(row, env.spec, world.spec))
        films[name] = seen[0]
    return rows, films


def require_world(policy: Policy[Any], env: Env, name: str) -> None:
    """SpecError where a policy cannot act in a world or cannot begin with what it asks for, before anything acts there."""
    require_same_robot(policy.spec, env.spec, name)
    _, task = env.reset(torch.ones(env.batch, dtype=torch.bool), torch.tensor(evaluation_seeds(env.batch)))
    require_told(policy.spec, task, name, f"the world {env.spec.name!r}")
    try:
        policy.begin(env.batch, task)
    except SpecError as error:
        raise SpecError(f"{name} cannot begin in the world {env.spec.name!r}: {error}") from error


def require_told(policy: PolicySpec | WorldModelSpec, task: Task, name: str, where: str) -> None:
    """SpecError where a policy follows instructions, and none is given."""
    if policy.instructed and task.instruction is None:
        raise SpecError(
            f"{name} follows instructions, and {where} gives none. A world does so where its options say that it asks in words "
            "(push: --option task=instruction, tabletop: --option ask=instruction), a data set where instructions were recorded."
        )


def require_same_robot(policy: PolicySpec, env: EnvSpec, name: str) -> None:
    """SpecError that names all that a policy misses in a world."""
    pairs = (
        ("cameras", set(policy.observes.cameras), set(env.observes.cameras)),
        ("readings", {slot.name for slot in policy.observes.proprio}, {slot.name for slot in env.observes.proprio}),
        ("actions", {slot.name for slot in policy.acts.low_level}, {slot.name for slot in env.acts.low_level}),
    )
    if odd := [f"{what} {sorted(needed - there)}" for what, needed, there in pairs if needed - there]:
        raise SpecError(f"{name} learned with {', '.join(odd)}, which the world {env.name!r} does not have. It is probably of another robot: name its world.")


def shows_goal(env: Env) -> bool:
    """Does the world ask for what a goal looks like, or in words alone?"""
    _, task = env.reset(torch.ones(env.batch, dtype=torch.bool), torch.tensor(evaluation_seeds(env.batch)))
    return task.goal is not None


def require_alike(runs: Sequence[Run]) -> Run:
    """The first run; SpecError where others are of something else."""
    first, *others = runs
    for other in others:
        for what, mine, theirs in (
            ("system", first.name, other.name),
            ("configuration", first.preset.config, other.preset.config),
            ("clock (frames a step)", first.preset.skip, other.preset.skip),
            ("share of the actions that were shown", first.labels, other.labels),
            ("training data", first.trained_on.fingerprint, other.trained_on.fingerprint),
            ("steps of training", first.took or other.took, other.took or first.took),
        ):
            if mine != theirs:
                raise SpecError(
                    f"{first.folder} and {other.folder} differ in {what}: {mine} and {theirs}. Control runs together that differ in their seed alone."
                )
    if len({run.seed for run in runs}) < len(runs):
        raise SpecError(f"the runs have the training seeds {[run.seed for run in runs]}; one that counts twice makes intervals too narrow.")
    return first


def in_steps_of(row: SuccessRow, own: EnvSpec, shown: EnvSpec) -> SuccessRow:
    """A row that was measured on the clock of `shown`, counted in the world's own steps; its last step may be a shorter one."""
    skip = shown.acts.per_step // own.acts.per_step
    solved = tuple(None if step is None else min(step * skip, own.budget) for step in row.first_solved)
    return replace(row, steps=min(row.steps * skip, own.budget), first_solved=solved)
