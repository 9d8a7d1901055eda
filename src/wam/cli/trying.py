"""The verbs that try a run: what it imagines and how it acts; the demo and cross-validation train it first."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from wam.cli.common import AsJson, Delay, Device, Ensemble, Execute, Join, Plan, Preset, Result, RunFolder, Sheet, console, mention, options, show, writable

app = typer.Typer()


@app.command(epilog="Example: [bold]wam imagine runs/lewm --data runs/held-out[/]")
def imagine(
    run: RunFolder,
    data: Annotated[str, typer.Option(help="Episodes that it was not trained on.")],
    horizon: Annotated[int, typer.Option(help="Model steps to look ahead, rounded up to whole chunks of what imagines.", min=1)] = 5,
    windows: Annotated[int, typer.Option(help="How many to judge.", min=2)] = 128,
    training: Annotated[str | None, typer.Option(help="Where the data that it learned from lies now, if it was moved.")] = None,
    world: Annotated[str | None, typer.Option(help="Try different actions from the same starts there: does it tell their outcomes apart?")] = None,
    option: Annotated[list[str] | None, typer.Option(help="Options of the world.")] = None,
    sheet: Sheet = None,
    result: Result = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Open-loop predictions beside the truth: the rollout card, and report.html in the run's folder."""
    from wam.jobs.branching import Tried
    from wam.jobs.imagine import imagine_run
    from wam.jobs.practise import require_named
    from wam.show.tables import card_tables

    chosen = options(option)
    require_named(world, chosen)
    tried = None if world is None else Tried(world=world, options=chosen)
    found, page = imagine_run(
        run, data, horizon=horizon, count=windows, training=training, tried=tried, sheet=sheet, written=result, device=device, tell=mention
    )
    show({**found.card.to_dict(), "told": found.told, "notes": found.notes}, [*card_tables(found.card), *found.notes, f"report: {page}"], as_json)


@app.command(epilog="Example: [bold]wam control runs/lewm --world push --goals 100[/]")
def control(
    run: Annotated[list[Path], typer.Argument(help="Run folder, or several that differ in their seed alone.", exists=True, file_okay=False)],
    world: Annotated[str, typer.Option(help="A world of the library.")] = "push",
    goals: Annotated[int, typer.Option("--goals", "--starts", help="Held-out starts.", min=1)] = 100,
    option: Annotated[list[str] | None, typer.Option(help="Options of the world.")] = None,
    plan: Plan = False,
    execute: Execute = None,
    ensemble: Ensemble = False,
    delay: Delay = None,
    join: Join = None,
    add: Annotated[bool, typer.Option("--add", help="Keep the other trainings whose figures --result holds already, and add these.")] = False,
    result: Result = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Act in closed loop: success with interval and seconds per decision, beside the world's reference policies."""
    from wam.jobs.control import ControlResult, control_runs
    from wam.jobs.deciding import Deciding
    from wam.show.bars import Bars
    from wam.show.tables import success_table

    if add and result is None:
        raise ValueError("--add keeps what --result holds, and no --result was named.")
    deciding = Deciding(plan=plan, execute=execute, ensemble=ensemble, delay=delay, join=join)
    earlier = ControlResult.read(result) if add and result is not None and result.exists() else None
    with Bars(Console(stderr=True)) as bars:
        found, page = control_runs(
            run, world, goals=goals, options=options(option), deciding=deciding, earlier=earlier, written=result, bars=bars, device=device
        )
    show([row.to_dict() for row in found.rows], [success_table(found.rows), f"report: {page}"], as_json)


@app.command(epilog="Example: [bold]wam chunks runs/diffusion --world push --option task=instruction --option zones=2[/]")
def chunks(
    run: RunFolder,
    world: Annotated[str, typer.Option(help="A world of the library.")] = "push",
    goals: Annotated[int, typer.Option("--goals", "--starts", help="Held-out starts.", min=1)] = 200,
    option: Annotated[list[str] | None, typer.Option(help="Options of the world.")] = None,
    result: Result = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Execute the chunks of a policy in every way (--execute, --ensemble, --delay, --join): success and time per decision, from the same starts."""
    from wam.jobs.chunks import execute_chunks, ways_summary
    from wam.show.bars import Bars
    from wam.show.tables import terminal_table

    with Bars(Console(stderr=True)) as bars:
        found = execute_chunks(run, world, goals=goals, options=options(option), bars=bars, device=device)
    if result is not None:
        found.save(result)
    show(found.to_dict(), terminal_table(ways_summary(found)), as_json)


@app.command(epilog="Example: [bold]wam score runs/cartpole-0 runs/cartpole-1 --world control_suite --option task=cartpole_swingup[/]")
def score(
    run: Annotated[list[Path], typer.Argument(help="Run folder, or several that differ in their seed alone.", exists=True, file_okay=False)],
    world: Annotated[str, typer.Option(help="A world of the library that gives rewards.")],
    episodes: Annotated[int, typer.Option(help="Held-out starts per run and arm.", min=1)] = 50,
    option: Annotated[list[str] | None, typer.Option(help="Options of the world.")] = None,
    published: Annotated[float | None, typer.Option(help="The paper's score after as many steps, to stand beside ours.")] = None,
    result: Result = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Act in closed loop for reward: return with interval, as the system says, with its mechanism off, and of trivial policies."""
    from wam.jobs.score import score_runs
    from wam.show.bars import Bars
    from wam.show.tables import score_table

    with Bars(Console(stderr=True)) as bars:
        found = score_runs(run, world, episodes=episodes, options=options(option), published=published, device=device, progress=bars.task("arms"))
    if result is not None:
        found.save(result)
    show(found.to_dict(), [score_table(found.rows)], as_json)


@app.command(epilog="Example: [bold]wam demo --out runs/demo[/]")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything.", file_okay=False)] = Path("runs/demo"),
    goals: Annotated[int, typer.Option(help="Held-out goal images.", min=1)] = 50,
    seed: Annotated[int, typer.Option(help="Of the training.")] = 0,
    steps: Annotated[int | None, typer.Option(help="Of training, instead of the preset's.", min=1)] = None,
    seeds: Annotated[int, typer.Option(help="Trainings; more than one writes --result instead of a report.", min=1)] = 1,
    result: Annotated[
        Path | None,
        typer.Option(help="Where the claim over several trainings is written; by default results/push_goal_images.json.", dir_okay=False, callback=writable),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record, train, imagine, control: a report in a few minutes on two cores. With --seeds, the claim over several trainings."""
    from wam.jobs.demo import DemoConfig, run_demo
    from wam.jobs.seeds import run_seeds

    told = Console(stderr=True) if as_json else console
    if seeds > 1 and (steps is not None or seed):
        raise ValueError("--steps and --seed are for one training; the claim over several (--seeds) trains the preset with seeds 0, 1, ... Leave them out.")
    if seeds == 1 and result is not None:
        raise ValueError("--result is where the claim over several trainings is written: add --seeds 3, or leave it out. One training writes a report.")
    if seeds > 1:
        result = result or Path("results/push_goal_images.json")
        made = run_seeds(out, result, seeds=seeds, goals=goals, console=told)
        show(made.to_dict(), f"{made.success.value:.1%} solved ({made.success.low:.1%} to {made.success.high:.1%}): {result}", as_json)
        return
    page = run_demo(out, DemoConfig(goals=goals, seed=seed, steps=steps), console=told)
    if as_json:
        print(json.dumps({"report": str(page), **json.loads((out / "summary.json").read_text())}, indent=2))


@app.command("cross-validate", epilog="Example: [bold]wam cross-validate lewm --data runs/bridge --out runs/bridge-folds --result results/real_bridge.json[/]")
def cross_validate(
    recipe: Annotated[str, typer.Argument(help="Module name of a recipe.")],
    data: Annotated[str, typer.Option(help="A small data set. Places are judged where its proprioception begins with a position in metres.")],
    out: Annotated[Path, typer.Option(help="Folder of the trainings; what was trained before is used again.", file_okay=False)],
    result: Annotated[Path, typer.Option(help="Where the figures are written, as JSON.", dir_okay=False, callback=writable)],
    preset: Preset = "robot",
    steps: Annotated[int | None, typer.Option(help="Of each training, instead of the preset's.", min=1)] = None,
    past: Annotated[int, typer.Option(help="Frames seen; where places are judged, two at least, which have a velocity.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="Of every training.")] = 0,
    sheet: Sheet = None,
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Leave one episode out, each in turn: where the end effector will be, what moves, what is done, against trivial guesses and shuffled actions."""
    from wam.jobs.cross_validate import CrossValidation, cross_validate
    from wam.show.bars import Bars
    from wam.show.cross_validation import summaries
    from wam.show.tables import terminal_table

    asked = CrossValidation(recipe=recipe, preset=preset, steps=steps, past=past, seed=seed, device=device)
    with Bars(Console(stderr=True)) as bars:
        made, picture = cross_validate(asked, data, out, progress=bars.task("episodes"))
    made.save(result)
    lines = [f"figures: {result}"]
    if sheet is not None and picture is not None:
        picture.save(sheet)
    elif sheet is not None:
        lines.append(f"no sheet: {recipe} imagines no pictures")
    show(made.to_dict(), [*map(terminal_table, summaries(made)), *lines], as_json)
