"""`wam data`: look at data sets, check them, convert and join them."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from wam.cli.common import AsJson, show, writable

app = typer.Typer(
    help="Look at data sets, check them, and convert other formats.",
    epilog="Example: [bold]wam data inspect runs/push --sheet sheet.png[/], [bold]wam data check runs/push[/]",
    no_args_is_help=True,
)


@app.command("inspect", epilog="Example: [bold]wam data inspect runs/push --sheet sheet.png[/]")
def data_inspect(
    path: Annotated[str, typer.Argument(help="Folder or Hub id.")],
    sheet: Annotated[Path | None, typer.Option(help="Write a contact sheet (PNG) here.", dir_okay=False, callback=writable)] = None,
    as_json: AsJson = False,
) -> None:
    """Features, episodes, action histograms, contact sheet."""
    from wam.data.dataset import open_dataset
    from wam.data.inspection import contact_sheet, inspect
    from wam.jobs.inspect import inspection_tables

    dataset = open_dataset(path)
    found = inspect(dataset)
    if sheet is not None:
        from PIL import Image

        Image.fromarray(contact_sheet(dataset)).save(sheet)
    told = {
        "version": found.version,
        "rate": found.rate,
        "episodes": len(found.episodes),
        "frames": found.frames,
        "features": [asdict(line) for line in found.features],
        "histograms": [
            {
                "slot": line.slot.to_dict(),
                "counts": line.counts.tolist(),
                "edges": line.edges.tolist(),
                "low": line.low,
                "high": line.high,
                "mean": line.mean,
                "std": line.std,
            }
            for line in found.histograms
        ],
        "notes": [asdict(note) for note in found.notes],
    }
    show(told, inspection_tables(found), as_json)


@app.command("check", epilog="Example: [bold]wam data check runs/push[/]")
def data_check(path: Annotated[str, typer.Argument(help="Folder or Hub id.")], as_json: AsJson = False) -> None:
    """Counts, times, numbers, statistics, pictures, alignment of actions. Exit code 1 where an error is found."""
    from wam.data.finding import gathered
    from wam.data.validation import check_dataset

    findings = check_dataset(path)
    show([asdict(finding) for finding in findings], gathered(findings) or f"{path}: nothing found.", as_json)
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


@app.command(
    "convert", epilog="Example: [bold]wam data convert droid SOURCE TARGET[/], [bold]wam data convert replay demos.hdf5 TARGET --layout layout.json[/]"
)
def data_convert(
    layout: Annotated[str, typer.Argument(help="droid, rlds, replay (Zarr, NumPy, HDF5) or pusht.")],
    source: Annotated[Path, typer.Argument(help="Folder of the source; a file for replay and pusht; either for rlds.")],
    target: Annotated[Path, typer.Argument(help="Folder of the new data set.", file_okay=False)],
    actions: Annotated[
        Literal["recorded", "derived", "moves"] | None,
        typer.Option(
            help="droid: recorded (commands) or derived (motions from states); by default recorded where all are. "
            "pusht: recorded (targets) or moves (from the pusher to its target)."
        ),
    ] = None,
    layout_file: Annotated[Path | None, typer.Option("--layout", help="replay: what the arrays mean, as JSON; see docs/data-format.md.")] = None,
    size: Annotated[int | None, typer.Option(help="pusht: pixels of the frames that are drawn from the states; 96 by default.", min=16)] = None,
    part: Annotated[
        Literal["all", "training"] | None,
        typer.Option(help="pusht: all (by default), or training: without the last fifth of the episodes, on which the world pusht evaluates."),
    ] = None,
    trim: Annotated[bool, typer.Option(help="droid: cut streams of unequal length to the shortest.")] = False,
    as_json: AsJson = False,
) -> None:
    """Another format -> LeRobot 3.0."""
    from wam.jobs.convert import convert
    from wam.show.bars import Bars

    with Bars(Console(stderr=True)) as bars:
        made = convert(layout, source, target, actions=actions, layout_file=layout_file, size=size, part=part, trim=trim, progress=bars.task("episodes"))
    told = {"path": str(made.path), "episodes": made.episodes, "frames": made.frames, "notes": [asdict(note) for note in made.notes]}
    lines = [f"{made.episodes} episodes, {made.frames} frames in {made.path}", *(str(note) for note in made.notes)]
    show(told, lines, as_json)


@app.command("split", epilog="Example: [bold]wam data split runs/robot --held-out 5 --out runs/training --held runs/held-out[/]")
def data_split(
    source: Annotated[str, typer.Argument(help="Folder or Hub id.")],
    held_out: Annotated[int, typer.Option(help="How many episodes to hold out.", min=1)],
    out: Annotated[Path, typer.Option(help="Folder of what is learned from.", file_okay=False)],
    held: Annotated[Path, typer.Option(help="Folder of what is held out.", file_okay=False)],
    seed: Annotated[int, typer.Option(help="Which episodes.")] = 0,
    as_json: AsJson = False,
) -> None:
    """One data set as two: episodes to learn from, and others, drawn by chance, to judge by."""
    from wam.data.splitting import split
    from wam.show.bars import Bars

    with Bars(Console(stderr=True)) as bars:
        tell_notes([source], bars.progress.console)
        chosen = split(source, out, held, count=held_out, seed=seed, progress=bars.task("episodes"))
    told = {"out": str(out), "held": str(held), "held_out": list(chosen)}
    show(told, f"{out}: to learn from\n{held}: held out, episodes {', '.join(map(str, chosen))} of {source}", as_json)


@app.command("select", epilog="Example: [bold]wam data select runs/robot --drop 3,12-14 --out runs/clean[/]")
def data_select(
    source: Annotated[str, typer.Argument(help="Folder or Hub id.")],
    out: Annotated[Path, typer.Option(help="Folder of the new data set.", file_okay=False)],
    keep: Annotated[str | None, typer.Option(help="Numbers of the episodes to keep, e.g. 0-49,60.")] = None,
    drop: Annotated[str | None, typer.Option(help="Or of those to leave out.")] = None,
    as_json: AsJson = False,
) -> None:
    """A data set with some of the episodes of another."""
    from wam.data.splitting import select
    from wam.show.bars import Bars

    if (keep is None) == (drop is None):
        raise ValueError("say which episodes to keep (--keep 0-49,60), or which to leave out (--drop 3,12-14): one of the two.")
    with Bars(Console(stderr=True)) as bars:
        tell_notes([source], bars.progress.console)
        chosen = select(source, out, numbers_in(keep or drop or ""), drop=keep is None, progress=bars.task("episodes"))
    show({"path": str(out), "episodes": list(chosen)}, f"{out} holds {len(chosen)} episodes of {source}", as_json)


def tell_notes(sources: Sequence[str], console: Console) -> None:
    """What of these sets cannot be read, and so will not be in what is made of them."""
    from wam.data.dataset import open_dataset

    for source in sources:
        for note in open_dataset(source).notes:
            console.print(f"[yellow]note:[/] {escape(str(note))}", soft_wrap=True)


def numbers_in(text: str) -> set[int]:
    """`0-2,5` as {0, 1, 2, 5}. ValueError for what cannot be read."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        ends = (first, last if dash else first)
        if not all(end.isdigit() for end in ends) or int(ends[1]) < int(ends[0]):
            raise ValueError(f"{text!r} names no episodes: expected numbers and ranges with commas between, e.g. 0-49,60.")
        found |= set(range(int(ends[0]), int(ends[1]) + 1))
    return found


@app.command("join", epilog="Example: [bold]wam data join runs/demonstrations runs/play --out runs/both[/]")
def data_join(
    sources: Annotated[list[str], typer.Argument(help="Folders or Hub ids, two or more.")],
    out: Annotated[Path, typer.Option(help="Folder of the new data set.", file_okay=False)],
    as_json: AsJson = False,
) -> None:
    """Several data sets of one robot as one."""
    from wam.data.dataset import open_dataset
    from wam.data.joining import join
    from wam.show.bars import Bars

    with Bars(Console(stderr=True)) as bars:
        tell_notes(sources, bars.progress.console)
        path = join(sources, out, progress=bars.task("episodes"), tell=bars.progress.console.print)
    count = len(open_dataset(path))
    show({"path": str(path), "episodes": count}, f"joined: {path} holds {count} episodes", as_json)
