"""`wam compare`: an idea on and off, by success or by prediction; or all paradigms of world action models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from wam.cli.common import AsJson, Device, Preset, options, show, writable

if TYPE_CHECKING:
    from wam.jobs.compare import MechanismComparison

app = typer.Typer()

GOALS, HORIZON, WINDOWS = 100, 12, 256  # unless said otherwise


@app.command(
    epilog="Examples: [bold]wam compare lewm --data runs/push --out runs/compare --seeds 3[/], "
    "[bold]wam compare adaworld --labels 0.05 --data runs/push --held-out runs/fresh --out runs/adaworld[/], "
    "[bold]wam compare paradigms --out runs/paradigms[/]   Stopped? The same command goes on."
)
def compare(
    recipe: Annotated[str, typer.Argument(help="Module name of a recipe, or paradigms: the ways to couple a predicted future with actions.")],
    out: Annotated[Path, typer.Option(help="Folder of the runs; trained ones are used again.", file_okay=False)],
    data: Annotated[str | None, typer.Option(help="A data set recorded in the world; paradigms records its own.")] = None,
    held_out: Annotated[str | None, typer.Option(help="Compare predictions of this data set's episodes, instead of success in a world.")] = None,
    result: Annotated[
        Path | None, typer.Option(help="Where the comparison is written; by default in the folder of the runs.", dir_okay=False, callback=writable)
    ] = None,
    world: Annotated[str, typer.Option(help="Where both act.")] = "push",
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, of the world; may be repeated.")] = None,
    goals: Annotated[int, typer.Option(help="Held-out starts per seed.", min=1)] = GOALS,
    horizon: Annotated[int, typer.Option(help="--held-out: model steps predicted.", min=1)] = HORIZON,
    windows: Annotated[int, typer.Option(help="--held-out: windows predicted.", min=2)] = WINDOWS,
    seeds: Annotated[int, typer.Option(help="Training seeds per arm.", min=1)] = 3,
    steps: Annotated[int | None, typer.Option(help="Instead of the preset's.", min=1)] = None,
    preset: Preset = "tiny",
    labels: Annotated[
        str | None, typer.Option(help="Share of the episodes whose actions are shown, otherwise 1; paradigms: shares, otherwise 0.05,0.2,1.")
    ] = None,
    arms: Annotated[str | None, typer.Option(help="paradigms: names with commas between, e.g. unipi,oracle_future; otherwise all.")] = None,
    only_report: Annotated[bool, typer.Option("--only-report", help="paradigms: train nothing, report what is there.")] = False,
    renew: Annotated[bool, typer.Option("--renew", help="paradigms: train and measure again what earlier sources measured.")] = False,
    add: Annotated[bool, typer.Option("--add", help="Keep the trainings whose figures --result holds, and train --seeds more. Not for paradigms.")] = False,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """The paper's idea on and off, same data, steps and seeds; or all paradigms of world action models. Writes its result as JSON."""
    from wam.cli.paradigms import label_shares, paradigms

    if recipe == "paradigms":
        if (data, held_out, option, horizon, windows, add) != (None, None, None, HORIZON, WINDOWS, False):
            raise ValueError(
                "paradigms records its own demonstrations of its own tasks, and keeps what --result holds by itself. "
                "Leave out --data, --held-out, --option, --horizon, --windows and --add."
            )
        paradigms(
            out,
            result,
            world=world,
            preset=preset,
            goals=goals,
            seeds=seeds,
            steps=steps,
            labels=labels,
            arms=arms,
            only_report=only_report,
            renew=renew,
            device=device,
            as_json=as_json,
        )
        return
    share = (1.0,) if labels is None else label_shares(labels)
    if data is None or len(share) > 1 or arms is not None or only_report or renew:
        raise ValueError(f"{recipe!r} is compared with its idea switched off: name --data, one share of --labels at most, no --arms, --only-report, --renew.")
    if add and result is None:
        raise ValueError("--add keeps what --result holds, and no --result was named.")
    before = result if add and result is not None and result.exists() else None
    result = result or out / "comparison.json"
    if held_out is None and (horizon, windows) != (HORIZON, WINDOWS):
        raise ValueError("--horizon and --windows are of predictions, and success is compared: name --held-out, or leave them out.")
    if held_out is not None:
        if (world, option, goals) != ("push", None, GOALS):
            raise ValueError("--world, --option and --goals are of success in a world, and predictions are compared: leave them or --held-out out.")
        from wam.jobs.compare_prediction import PredictionComparison, compare_prediction, prediction_summary
        from wam.show.tables import terminal_table

        predicted = compare_prediction(
            recipe,
            data,
            held_out,
            out,
            result,
            horizon=horizon,
            count=windows,
            seeds=seeds,
            labels=share[0],
            steps=steps,
            preset=preset,
            earlier=None if before is None else PredictionComparison.read(before),
            device=device,
        )
        show(predicted.to_dict(), terminal_table(prediction_summary(predicted)), as_json)
        return
    from wam.jobs.compare import MechanismComparison, compare_mechanism

    found = compare_mechanism(
        recipe,
        data,
        out,
        result,
        world=world,
        options=options(option),
        goals=goals,
        seeds=seeds,
        labels=share[0],
        steps=steps,
        preset=preset,
        earlier=None if before is None else MechanismComparison.read(before),
        device=device,
    )
    show(found.to_dict(), comparison_table(found), as_json)


def comparison_table(found: "MechanismComparison") -> Table:
    """Both arms, and the figure that decides: their difference with its interval."""
    from wam.evaluate.result import in_words
    from wam.show.words import points

    apart = points(found.difference.value, found.difference.low, found.difference.high)
    table = Table("arm", "solved", "of", "in per cent", title=f"{found.mechanism}: {in_words(found.verdicts.mechanism)}")
    for arm, count in (("on", found.solved_on), ("off", found.solved_off)):
        table.add_row(arm, str(count), str(found.episodes), f"{100 * count / found.episodes:.1f}")
    table.add_row("on minus off", "", "", apart)
    table.caption = f"Bracket: 95 % interval over training seeds ({len(found.seeds)}) and their goals. One that holds 0 means that no difference was found."
    return table
