"""`wam compare paradigms`: the experiment's options as they are typed, and what it prints."""

from pathlib import Path

from rich.console import Console

from wam.cli.common import show


def paradigms(
    out: Path,
    result: Path | None,
    *,
    world: str,
    preset: str,
    goals: int,
    seeds: int,
    steps: int | None,
    labels: str | None,
    arms: str | None,
    only_report: bool,
    renew: bool,
    device: str,
    as_json: bool,
) -> None:
    """Run what is missing, and print the tables. ValueError for worlds, shares and arms that cannot be read."""
    from wam.jobs.paradigms.experiment import PAGE, compare_paradigms
    from wam.jobs.paradigms.result import ParadigmResult
    from wam.jobs.paradigms.setting import Asked
    from wam.jobs.paradigms.tables import tables
    from wam.show.bars import Bars
    from wam.show.tables import terminal_table

    names = tuple(filter(None, (arms or "").split(",")))
    shares = Asked.labels if labels is None else label_shares(labels)
    asked = Asked(world=world, preset=preset, goals=goals, seeds=seeds, steps=steps, arms=names, labels=shares, device=device)
    with Bars(Console(stderr=True)) as bars:
        path = compare_paradigms(out, asked, result=result, only_report=only_report, renew=renew, task=bars.task, tell=bars.progress.console.print)
    found = ParadigmResult.from_json(path.read_text())
    missing = [f"missing: {', '.join(found.missing)}"] if found.missing else []
    show(found.to_dict(), [*map(terminal_table, tables(found)), *missing, f"report: {out / PAGE}   figures: {path}"], as_json)


def label_shares(text: str) -> tuple[float, ...]:
    """`0.05,0.2,1` as numbers. ValueError for what cannot be read."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(f"--labels {text!r}: expected shares of the episodes with commas between, e.g. --labels 0.05,0.2,1.") from error
