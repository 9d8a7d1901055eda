"""`wam compare paradigms`: data, trainings, evaluation, tables, plots and page of one controlled experiment, in one command.

Every cell (arm, share of known actions, training seed) is trained resumably into a folder of its own, and what was measured of it is kept beside
it as a small JSON file; a stopped experiment goes on where it was, and one that is not finished says which cells are missing. Where only the
figures are left (`result`), their cells count, and those that are not asked for this time are reported with the others: nothing measured is lost.
Does not know: how a system is built, what counts as solved. Footgun: cells that were measured by an earlier version of the sources, or of
another recording of the demonstrations, are kept, and named as such, unless they are to be renewed.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from wam.evaluate.origin import Origin
from wam.evaluate.sources import Sources
from wam.jobs.origins import JUDGED
from wam.jobs.paradigms.arm import Arm
from wam.jobs.paradigms.arms import CLONING, arms_named
from wam.jobs.paradigms.cell import Cell, Wanted, read, wanted, write
from wam.jobs.paradigms.finder import Finder
from wam.jobs.paradigms.measure import Plans, instrument, measure
from wam.jobs.paradigms.page import PICTURE, page_of
from wam.jobs.paradigms.result import ParadigmResult, answers, costs, inverse_rows, rates, verdicts
from wam.jobs.paradigms.setting import POLICIES, Asked, Progress, Task, demonstrations
from wam.jobs.practise import described
from wam.recipes.recipe import load_recipe
from wam.recipes.run_file import trained_now
from wam.recipes.runs import Run, frames_for, train_recipe

SEEN = 200  # episodes of the expert that the instrument is fitted on
PAGE, FIGURES = "paradigms.html", "paradigms.json"


def compare_paradigms(
    folder: Path,
    asked: Asked,
    *,
    result: Path | None = None,
    only_report: bool = False,
    renew: bool = False,
    task: Task,
    tell: Callable[[str], None],
) -> Path:
    """Do what is missing, then write paradigms.html into `folder` and the figures to `result`, by default paradigms.json beside it.

    `only_report`: train and measure nothing. `renew`: what earlier sources measured is trained and measured again.
    `task` makes progress lines, `tell` says what begins. Returns the path of the figures. Where it is stopped on the way, the state so far is reported first.
    """
    started, arms, result = time.monotonic(), arms_named(asked.arms), result or folder / FIGURES
    if only_report and not (folder / "data").exists():
        raise ValueError(f"{folder} holds no experiment to report. Name the folder that `wam compare paradigms` wrote, or leave --only-report out.")
    for arm in arms:
        if arm.recipe:
            load_recipe(arm.recipe).preset(asked.preset)  # an error where one lacks it, before anything is recorded
    cells, before = wanted(arms, asked.labels, asked.seeds), recalled(result, asked)  # before hours of work for a file that it must not replace
    earlier, lacking = (before.cells, before.missing) if before is not None else ((), ())
    named = {cell.name for cell in cells}
    others = tuple(Wanted(arms_named((cell.arm,))[0], cell.labels, cell.seed) for cell in earlier if cell.name not in named)
    reported = arms_named([cell.arm.name for cell in (*cells, *others)])
    sources = {arm.name: sources_of(asked, (arm,)) for arm in arms}  # as they are now: a run is long
    every = sources_of(asked, reported, "wam.jobs.paradigms.result")
    for one in cells:
        kept(folder, one, asked)  # an error where it is of another experiment
    data = folder / "data" if only_report else demonstrations(folder / "data", asked, task)
    fingerprint = frames_for(load_recipe(CLONING).preset(asked.preset), data).fingerprint()
    for cell in earlier:
        if not (folder / f"{cell.name}.json").exists():
            write(cell, folder)
    try:
        if not only_report:
            run_cells(folder, asked, cells, data, fingerprint, sources, renew, task("cells"), tell)
    finally:
        path = report(folder, asked, reported, (*cells, *others), lacking, fingerprint, every, started, result)
    return path


def run_cells(
    folder: Path,
    asked: Asked,
    cells: tuple[Wanted, ...],
    data: Path,
    fingerprint: str,
    sources: dict[str, Sources],
    renew: bool,
    progress: Progress,
    tell: Callable[[str], None],
) -> None:
    """Each that is not there yet; with `renew` also those that earlier sources measured, which stay until they are measured again."""
    finder: Finder | None = None
    for done, cell in enumerate(cells):
        progress(done, len(cells))
        found = kept(folder, cell, asked)
        if found is not None and not (renew and outdated(found, fingerprint)):
            continue
        if (folder / cell.run).exists() and not trained_now(folder / cell.run, fingerprint):
            tell(f"{cell.run}: what lies there was trained by other sources, or on another recording; it is trained again")
            shutil.rmtree(folder / cell.run)
        finder = finder or instrument(asked, range(expert_episodes(asked)))
        tell(cell.name)
        run = trained(folder, cell, asked, data)
        measured, plans = measure(cell, run, asked, finder, fingerprint, sources[cell.arm.name])
        write(measured, folder)
        if plans is not None:
            draw(plans, folder / f"{cell.name}{PICTURE}")
    progress(len(cells), len(cells))


def recalled(result: Path, asked: Asked) -> ParadigmResult | None:
    """An earlier report: an experiment goes on from its figures alone. ValueError where it is of another experiment, which this one would replace."""
    if not result.exists():
        return None
    before, own = ParadigmResult.read(result), way(asked)
    if others := sorted({way_of(cell) for cell in before.cells} - {own}):
        raise ValueError(f"{result} holds figures of {'; '.join(others)}; those of {own} would replace them. Name another file with --result.")
    return before


def way(asked: Asked) -> str:
    """How cells of this experiment are made and measured, in words: figures of two ways are of two experiments."""
    trained = "all steps" if asked.steps is None else f"{asked.steps} steps a stage"
    return f"world {asked.world}, preset {asked.preset}, {trained}, {asked.goals} starts of {asked.steps_of_episode} steps"


def way_of(cell: Cell) -> str:
    """That of a cell."""
    return way(Asked(world=cell.world, preset=cell.preset, steps=cell.steps, goals=cell.goals, budget=cell.budget))


def trained(folder: Path, cell: Wanted, asked: Asked, data: Path) -> Run | None:
    """The run of a cell; None where nothing is learned."""
    if cell.labels is None or cell.seed is None:
        return None
    place = folder / cell.run
    return train_recipe(
        cell.arm.recipe,
        data,
        place,
        preset=asked.preset,
        change=cell.arm.change,
        labels=cell.labels,
        steps=asked.steps,
        seed=cell.seed,
        device=asked.device,
        resume=place.exists(),
        show=False,
    )


def kept(folder: Path, cell: Wanted, asked: Asked) -> Cell | None:
    """What was measured before; None where nothing was. ValueError where it was in another way: its figures would be replaced."""
    path = folder / f"{cell.name}.json"
    found = read(path)
    if found is not None and way_of(found) != way(asked):
        raise ValueError(f"{path} was measured with {way_of(found)}; asked for: {way(asked)}. Name another folder for this experiment.")
    return found


def outdated(cell: Cell, fingerprint: str) -> bool:
    """By an earlier version of the sources, or of another recording: the same seeds on another processor differ in the last digits."""
    return cell.sources.stale or cell.data != fingerprint


def report(
    folder: Path,
    asked: Asked,
    arms: tuple[Arm, ...],
    cells: tuple[Wanted, ...],
    lacking: tuple[str, ...],
    fingerprint: str,
    sources: Sources,
    started: float,
    result: Path,
) -> Path:
    """Of all cells that are there. `lacking`: names of those that an earlier report missed; they are missing until they are measured."""
    there = {cell.name: one for cell in cells if (one := kept(folder, cell, asked)) is not None}
    measured = tuple(there.values())
    trained = [cell for cell in measured if cell.labels is not None and cell.seed is not None]
    labels, seeds = ({getattr(cell, part) for cell in trained} for part in ("labels", "seed"))
    solved = rates(measured, arms)
    found = ParadigmResult(
        world=asked.world,
        of_recipes=verdicts(solved, measured, arms),
        rates=solved,
        answers=answers(measured),
        costs=costs(measured, arms),
        inverse=inverse_rows(measured),
        missing=tuple(name for name in dict.fromkeys([*(cell.name for cell in cells), *lacking]) if name not in there),
        older=tuple(name for name, cell in there.items() if outdated(cell, fingerprint)),
        cells=measured,
        origin=Origin.now(
            started=started,
            protocol=protocol(asked, sorted(labels)),
            seeds=f"training {', '.join(map(str, sorted(seeds))) or 'none'}; demonstrations 0 to {asked.episodes - 1}; {JUDGED}",
            sources=sources,
            device=asked.device,
            data=fingerprint,
        ),
    )
    found.save(result)
    page_of(found, folder).save(folder / PAGE)
    return result


def protocol(asked: Asked, labels: Sequence[float]) -> str:
    """In words; `labels`: of what was measured."""
    shown = ", ".join(f"{share:.0%}" for share in labels) or "none"
    shortened = "" if asked.steps is None else f", shortened to {asked.steps} steps a stage"
    mixture = ", ".join(f"{share:.0%} {name}" for name, share in POLICIES.items())
    options = {name: ",".join(value) if isinstance(value, tuple) else value for name, value in asked.options.items() if name != "budget"}
    return (
        f"{asked.episodes} demonstrations of {described(asked.world, options)} ({mixture}): the video of all, the actions of {shown}. "
        f"Presets {asked.preset}{shortened}. {asked.goals} held-out starts in each of three splits (as in the demonstrations; {asked.setting.held_out}), "
        f"the same for all arms; success at the end of {asked.steps_of_episode} steps."
    )


def sources_of(asked: Asked, arms: tuple[Arm, ...], *more: str) -> Sources:
    """What the figures of these arms depend on: measuring, their recipes and changes of them, the world."""
    changes = {getattr(arm.change, "func", arm.change).__module__ for arm in arms if arm.change is not None}
    recipes = {f"wam.recipes.{arm.recipe}" for arm in arms if arm.recipe}
    return Sources.of("wam.jobs.paradigms.measure", *more, *sorted(changes | recipes), f"wam.sim.worlds.{asked.world}")


def expert_episodes(asked: Asked) -> int:
    """How many of the expert's recorded episodes the instrument is fitted on: they have the first seeds."""
    return max(1, min(SEEN, int(POLICIES["expert"] * asked.episodes)))


def draw(plans: Plans, path: Path) -> None:
    """As a picture."""
    from wam.show.paradigms import plan_strip

    plan_strip(plans.start, plans.imagined, plans.happened, plans.seconds).save(path)
