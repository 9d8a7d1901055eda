"""The verbs that tell: of the systems, of this machine, and whether an object of yours conforms."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from wam.cli.common import AsJson, Device, console, show

app = typer.Typer()


@app.command("list", epilog="Examples: [bold]wam list[/], [bold]wam list --changes paradigms.json[/]")
def list_recipes(
    changes: Annotated[
        str | None, typer.Option(help="Instead: what has changed, since this result was measured, of the code that it depends on (a file of results/).")
    ] = None,
    stale: Annotated[bool, typer.Option("--stale", help="Also name the results that earlier sources measured.")] = False,
    as_json: AsJson = False,
) -> None:
    """The systems in the library and what is known of each."""
    from wam.jobs.listing import changes_of, listing, stale_elsewhere

    if changes is not None:
        since = changes_of(changes)
        show(since.to_dict(), since.told(), as_json)
        return
    lines, others = listing(), stale_elsewhere()
    table = Table(Column("recipe", no_wrap=True), "place in the tutorial", Column("what results say", no_wrap=True), show_lines=True)
    for line in lines:
        table.add_row(f"[bold]{line.name}[/]\n{line.title}\narXiv {line.paper}", line.cells, "\n".join(line.evidence()))
    names = [older for line in lines if (older := line.older())] + ([f"of no recipe: {', '.join(others)}"] if others else [])
    head = "stale results: code that they depend on has changed since they were measured, which does not say that they are wrong. The command in a file of "
    tail = "results/ measures it again, `wam list --changes FILE` names what changed"
    told = [f"{head}{tail}.", *names] if stale else [f"{head}{tail}, `wam list --stale` names them."] if names else []
    words = (
        "conforms: the tiny preset passes every check of `wam check`. uses its conditions: its error grows clearly with the actions or instructions of others. "
        "learns: it beats the best trivial policy by the margin that its protocol states. mechanism: the paper's idea on against off."
    )
    show([line.to_dict() for line in lines], [table, words, *told], as_json)


@app.command(epilog="Example: [bold]wam doctor[/]")
def doctor(as_json: AsJson = False) -> None:
    """What works on this machine: what is installed, whether data, pictures and training work, and how fast. Exit code 1 where something fails."""
    from wam.jobs.doctor import Part
    from wam.jobs.doctor import doctor as examine

    mark = {True: "[green]works [/]", None: "[yellow]absent[/]", False: "[red]fails [/]"}

    def tell(part: Part) -> None:
        if not as_json:
            remedy = f"\n        [dim]{escape(part.remedy)}[/]" if part.remedy else ""
            console.print(f"{mark[part.ok]}  [bold]{part.what}[/]: {escape(part.found)}{remedy}", soft_wrap=True)

    def trying(what: str) -> None:
        if not as_json:
            Console(stderr=True).print(f"[dim]{what}: trying ...[/]")

    found = examine(tell, trying)
    if as_json:
        print(json.dumps([part.to_dict() for part in found], indent=2))
    if any(part.ok is False for part in found):
        raise typer.Exit(1)


@app.command(epilog="Example: [bold]wam card lewm[/]")
def card(recipe: Annotated[str, typer.Argument(help="Module name of a recipe.")], as_json: AsJson = False) -> None:
    """What a system is, which parts were chosen, and how ours differs from the paper."""
    from wam.jobs.listing import PRESETS
    from wam.recipes import load_recipe
    from wam.train import Gradient, Online

    found = load_recipe(recipe)
    told = {**found.card.to_dict(), "presets": {name: asdict(preset.config) for name, preset in found.presets.items()}}
    table = Table(show_header=False)
    for name, value in told.items():
        if name not in ("kind", "presets"):
            table.add_row(name, "\n".join(value) if isinstance(value, list) else str(value))
    sizes = Table(
        Column("preset", no_wrap=True), "for", Column("pictures", justify="right"), Column("steps", justify="right"), title="Presets", title_justify="left"
    )
    for name, preset in found.presets.items():
        learners = [stage.learner.learner if isinstance(stage.learner, Online) else stage.learner for stage in preset.stages]
        steps = sum(learner.steps for learner in learners if isinstance(learner, Gradient))
        sizes.add_row(name, PRESETS[name], f"{preset.size} px" if preset.size else "any", f"{steps}" if steps else "-")
    show(told, [table, sizes, "All figures of each: --json."], as_json)


@app.command(epilog="Example: [bold]wam check my_module:make_model[/]")
def check(
    target: Annotated[str, typer.Argument(help="module:factory of a model, policy, planner, world or windows; or the folder of a trained run.")],
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Conformance of your own object or a trained run: what came, what was expected, the likely cause. Exit code 1 where a check fails."""
    from wam.check import check_target
    from wam.jobs.conforms import check_run

    reports = check_run(Path(target), device=device) if Path(target).is_dir() else check_target(target, device=device)
    show([report.to_dict() for report in reports], [str(report) for report in reports], as_json)
    if not all(report.ok for report in reports):
        raise typer.Exit(1)
