"""The experiment as one page: curves over labels, splits, time of a decision, plans beside what happened, and every table."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from wam.evaluate.intervals import Interval
from wam.jobs.paradigms.arms import BASELINE, CLONING
from wam.jobs.paradigms.cell import cell_name
from wam.jobs.paradigms.result import ParadigmResult, Rate
from wam.jobs.paradigms.tables import NOTHING, progress_table, shares, tables
from wam.jobs.paradigms.worlds import FIRST, SPLITS, setting_of
from wam.show.report import Captioned, Figures, Report, Section
from wam.show.sections import origin_section
from wam.show.words import percent

PICTURE = ".plans.png"  # after a cell's name: what it imagined
GIVEN = ("oracle_future", "zero_future")  # their future is given, not learned


def page_of(found: ParadigmResult, folder: Path) -> Report:
    """`folder`: of the experiment, with the pictures of its cells."""
    state = f" {len(found.missing)} of {len(found.missing) + len(found.cells)} cells are missing." if found.missing else ""
    progress = (progress_table(found),) if found.missing or found.older else ()
    return Report(
        title="Ways to couple a predicted future with actions",
        summary=f"{len({rate.arm for rate in found.rates})} arms told to {setting_of(found.world).doing}, from the same demonstrations, with the actions of "
        f"{', '.join(f'{share:.0%}' for share in shares(found)) or 'none'} of them.{headline(found.rates)}{state}",
        sections=(*progress, *plots(found), *tables(found), *strips(found, folder), origin_section(found.origin)),
    )


def headline(rates: Sequence[Rate]) -> str:
    """The best learned arm and cloning, in distribution, at the label share where most arms are measured; of several the scarcest."""
    here = [rate for rate in rates if rate.split == FIRST]
    there: dict[float, list[Rate]] = {}
    for rate in here:
        if rate.labels is not None and rate.arm not in GIVEN:
            there.setdefault(rate.labels, []).append(rate)
    if not there:
        return ""
    share = max(there, key=lambda share: (len(there[share]), -share))
    best = max(there[share], key=lambda rate: rate.success.value)
    others = [rate for rate in here if rate.labels == share and rate.arm in (CLONING, BASELINE, "oracle_future") and rate is not best]
    beside = "".join(f"; {rate.arm} {percent(rate.success.value)}" for rate in others)
    solved = f"{best.arm} solves most of {len(there[share])} arms, {percent(best.success.value)}"
    told = solved if best.success.value else f"none of {len(there[share])} arms solves a start"
    return f" With the actions of {share:.0%}, {FIRST}: {told}{beside}."


def plots(found: ParadigmResult) -> tuple[Section, ...]:
    """Three pictures of success; nothing where nothing was measured."""
    from wam.show.paradigms import label_curves, split_bars, success_over_time

    if not found.rates:
        return ()
    here = {(rate.arm, rate.labels, rate.split): rate.success for rate in found.rates}
    arms, columns = tuple(dict.fromkeys(rate.arm for rate in found.rates)), shares(found)
    curves = {split: {arm: of_arm(here, arm, split) for arm in arms} for split in SPLITS}
    made: list[Section] = [
        Figures(
            title="Success over known actions",
            items=tuple(Captioned(pictures=(("", label_curves(each, arms)),), caption=split) for split, each in curves.items()),
            note="All arms see the video of every demonstration; along the axis, the actions of more of them are known. Vertical lines are 95 % "
            "intervals over trainings and starts. Grey: policies that learn nothing.",
        )
    ]
    for share in columns or NOTHING:
        groups = {arm: {split: rate for split in SPLITS if (rate := here.get((arm, share, split)) or here.get((arm, None, split)))} for arm in arms}
        groups = {arm: group for arm, group in groups.items() if group}
        told = "" if share is None else f", with the actions of {share:.0%}"
        made.append(
            Figures(
                title=f"Success by split{told}",
                items=(Captioned(pictures=(("", split_bars(groups)),)),),
                note=f"The same arms on starts like those of the demonstrations; on {' and on '.join(setting_of(found.world).held_out.split('; '))}.",
            )
        )
    timed = [(cost.arm, cost.milliseconds) for cost in found.costs if columns and cost.milliseconds is not None]
    times = {arm: (milliseconds, rate) for arm, milliseconds in timed if (rate := here.get((arm, columns[-1], FIRST)))}
    if times:
        note = f"With the actions of {columns[-1]:.0%}, {FIRST}. Further left is faster, further up is better. The oracle's time is the simulator's."
        made.append(Figures(title="Success over the time of a decision", items=(Captioned(pictures=(("", success_over_time(times, arms)),)),), note=note))
    return tuple(made)


def of_arm(here: Mapping[tuple[str, float | None, str], Interval], arm: str, split: str) -> dict[float | None, Interval]:
    """Label share -> success."""
    return {share: rate for (name, share, where), rate in here.items() if name == arm and where == split}


def strips(found: ParadigmResult, folder: Path) -> tuple[Section, ...]:
    """The plans of each arm's first training with the most labels."""
    from wam.show.paradigms import stored

    best = {cell.arm: cell for cell in sorted(found.cells, key=lambda cell: (cell.labels or 0.0, -(cell.seed or 0)))}
    items = []
    for arm in dict.fromkeys(rate.arm for rate in found.rates):
        cell = best[arm]
        path = folder / f"{cell_name(arm, cell.labels, cell.seed)}{PICTURE}"
        if path.exists():
            labels = "" if cell.labels is None else f", actions of {cell.labels:.0%}"
            items.append(Captioned(pictures=(("", stored(path)),), caption=f"{arm}{labels}, first start {FIRST}"))
    if not items:
        return ()
    note = (
        "The first start, not chosen. Above, what was imagined at each decision, one decision per column; below, what was there at the same "
        "instant after acting. Rows that drift apart mean that acting did not bring about what was imagined."
    )
    return (Figures(title="What was imagined, and what happened", items=tuple(items), note=note),)
