"""The verbs that start, do their work and end. `data`, `use` and `compare` have their own files, and so have those that stay until Ctrl-C (`live`).

Heavy modules are imported inside the verbs, so that `wam --help` answers at once.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from wam.cli.common import AsJson, Delay, Device, Ensemble, Execute, Join, Plan, Preset, Result, RunFolder, Sheet, console, options, show, writable

app = typer.Typer(
    name="wam",
    help="World models and world action models behind one small interface.",
    epilog="Example: [bold]wam demo --out runs/demo[/], or step by step: [bold]wam record[/], [bold]train[/], [bold]imagine[/], [bold]control[/].",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command("list", epilog="Examples: [bold]wam list[/], [bold]wam list --changes paradigms.json[/]")
def list_recipes(
    changes: Annotated[
        str | None, typer.Option(help="Instead: what has changed, since this result was measured, of the code that it depends on (a file of results/).")
    ] = None,
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
    told = [older for line in lines if (older := line.older())] + ([f"of no recipe: {', '.join(others)}"] if others else [])
    head = "Stale, in results/: what was measured before the sources that it depends on changed; the command in a file measures it again, "
    told = [f"{head}and `wam list --changes FILE` names what changed.", *told] if told else []
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


@app.command(epilog="Example: [bold]wam record push --out runs/push --episodes 1500 --policies play:0.7,noisy_expert:0.3[/]")
def record(
    world: Annotated[str, typer.Argument(help="A world of the library, e.g. push.")],
    out: Annotated[Path, typer.Option(help="Folder of the new data set.", file_okay=False)],
    episodes: Annotated[int, typer.Option(help="How many.", min=1)] = 1000,
    policies: Annotated[str | None, typer.Option(help="Who acts, with shares: NAME:SHARE,NAME:SHARE. Otherwise the world's own mixture.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the first episode; below 2,000,000.")] = 0,
    truth: Annotated[
        str | None,
        typer.Option(help="Kept of what the simulator knows: pose,tracks,segmentation,facts,physical,scene_flow,contacts; all; none. Else poses."),
    ] = None,
    option: Annotated[list[str] | None, typer.Option(help="Options of the world, e.g. --option size=64 --option objects=3.")] = None,
    device: Device = "cpu",
    resume: Annotated[bool, typer.Option(help="Continue a set that was stopped, up to --episodes in all.")] = False,
    as_json: AsJson = False,
) -> None:
    """Record episodes of a world as a LeRobot 3.0 data set.

    push: policies expert, noisy_expert, play, random, wander, drive_to_goal;
    options task, sees, objects, moves, zones, inner_walls, shapes, colours, radius,
    size, budget, nearest, farthest, pusher, around, varied_dynamics,
    varied_background, split.

    pusht: policies random, drive_to_goal, play, expert;
    options demonstrations (needed), size, offset, budget, moves.

    tabletop: policies expert, noisy_expert, play, random, wander, stay,
    drive_to_goal; options tasks, ask, goal_arm, offset, blocks, dishes, zones,
    colours, cameras, size, depth, segmentation, free_place, free_target,
    steered_camera, budget, varied_dynamics, varied_looks, split.

    control_suite: policies random, idle;
    options task (needed), repeat, control_steps.

    gym: policies random, idle; options id (needed), budget, success, pictures, size.
    """
    from wam.jobs.record import held, record_world
    from wam.show.bars import Bars

    acting, kept = None if policies is None else shares(policies), None if truth is None else () if truth == "none" else tuple(truth.split(","))
    before = held(out) if resume else 0
    with Bars(Console(stderr=True)) as bars:
        record_world(
            world,
            out,
            episodes=episodes,
            policies=acting,
            seed=seed,
            truth=kept,
            resume=resume,
            options=options(option),
            device=device,
            progress=bars.task("episodes"),
        )
    holds = held(out)
    show({"path": str(out), "episodes": holds, "added": holds - before}, f"{out} holds {holds} episodes, {holds - before} of them new", as_json)


def shares(policies: str) -> dict[str, float]:
    """`play:0.7,wander:0.3` -> {"play": 0.7, "wander": 0.3}; without a share: 1. ValueError for what cannot be read."""
    found: dict[str, float] = {}
    for part in policies.split(","):
        name, colon, share = part.partition(":")
        if name in found:
            raise ValueError(f"--policies {policies!r} names {name!r} twice: give it one share.")
        try:
            found[name] = float(share) if colon else 1.0
        except ValueError as error:
            raise ValueError(f"--policies: the share of {name!r} is {share!r}, expected a number above 0, e.g. --policies {name}:0.7.") from error
    return found


@app.command(
    epilog="Examples: [bold]wam train lewm --data runs/push --out runs/lewm[/], [bold]wam train td_mpc2 --world push --option sees=state --out runs/td[/]   "
    "Stopped? The same with [bold]--resume[/]."
)
def train(
    recipe: Annotated[str, typer.Argument(help="Module name of a recipe.")],
    out: Annotated[Path, typer.Option(help="Folder of the run.", file_okay=False)],
    data: Annotated[str | None, typer.Option(help="Folder or Hub id of a LeRobot data set to learn from.")] = None,
    world: Annotated[str | None, typer.Option(help="A world to act in while learning, for systems that learn online.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="Options of the world.")] = None,
    preset: Preset = "tiny",
    pretrained: Annotated[
        str | None, typer.Option(help="Vision transformer of the Hub, or its folder, instead of the encoder that dino_wm trains itself.")
    ] = None,
    labels: Annotated[float, typer.Option(help="Share of the episodes whose actions are shown, above 0; the rest is video alone.", min=0, max=1)] = 1.0,
    steps: Annotated[int | None, typer.Option(help="Instead of the preset's.", min=1)] = None,
    skip: Annotated[int | None, typer.Option(help="Recorded frames per model step, instead of the preset's.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Of weights, data order and noise.")] = 0,
    device: Device = "cpu",
    resume: Annotated[bool, typer.Option(help="Go on where the run was stopped.")] = False,
    tensorboard: Annotated[bool, typer.Option(help="Write TensorBoard files too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a system on a data set, or in a world that it acts in. Ctrl-C saves first."""
    from wam.data import open_dataset
    from wam.jobs.practise import practise_world
    from wam.recipes import train_recipe
    from wam.recipes.dino_wm import over

    if pretrained is not None and recipe != "dino_wm":
        raise ValueError(f"--pretrained names the vision model that dino_wm looks through, and {recipe} has eyes of its own. Leave it out.")
    if resume and (out / "weights.safetensors").exists():
        raise ValueError(f"{out} was exported: without its optimiser it cannot go on. Resume the run that it was exported from, or name a new folder.")
    training: dict[str, Any] = dict(preset=preset, steps=steps, seed=seed, device=device, resume=resume, tensorboard=tensorboard, show=not as_json)
    if data is not None and world is None and not option:
        for note in open_dataset(data).notes:
            print(f"note: {note}", file=sys.stderr)
        train_recipe(recipe, data, out, change=None if pretrained is None else over(pretrained), labels=labels, skip=skip, **training)
    elif world is not None and data is None and labels == 1 and skip is None and pretrained is None:
        practise_world(recipe, world, out, options=options(option), **training)
    else:
        raise ValueError(
            "a system learns from a data set (--data, with --labels, --skip and --pretrained) or in a world (--world, with its --option); name one of the two."
        )
    show({"run": str(out)}, f"trained: {out}", as_json)


@app.command(epilog="Example: [bold]wam export runs/lewm --out checkpoints/lewm-push[/]")
def export(run: RunFolder, out: Annotated[Path, typer.Option(help="A new folder.", file_okay=False)], as_json: AsJson = False) -> None:
    """A trained run to hand on: half precision, without optimiser and log. `wam.load` reads it as any run."""
    from wam.recipes import export as export_run

    folder = export_run(run, out)
    size = sum(path.stat().st_size for path in folder.iterdir())
    show({"path": str(folder), "bytes": size}, f"{folder}: {size / 1e6:.1f} MB", as_json)


@app.command(epilog="Example: [bold]wam imagine runs/lewm --data runs/held-out[/]")
def imagine(
    run: RunFolder,
    data: Annotated[str, typer.Option(help="Episodes that it was not trained on.")],
    horizon: Annotated[int, typer.Option(help="Model steps to look ahead.", min=1)] = 5,
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
    found, page = imagine_run(run, data, horizon=horizon, count=windows, training=training, tried=tried, sheet=sheet, device=device)
    if result is not None:
        found.save(result)
    show({**found.card.to_dict(), "told": found.told, "notes": found.notes}, [*card_tables(found.card), *found.notes, f"report: {page}"], as_json)


@app.command(epilog="Example: [bold]wam control runs/lewm --world push --goals 100[/]")
def control(
    run: Annotated[list[Path], typer.Argument(help="Run folder, or several that differ in their seed alone.", exists=True, file_okay=False)],
    world: Annotated[str, typer.Option(help="A world of the library.")] = "push",
    goals: Annotated[int, typer.Option(help="Held-out starts.", min=1)] = 100,
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
        found, page = control_runs(run, world, goals=goals, options=options(option), deciding=deciding, earlier=earlier, bars=bars, device=device)
    if result is not None:
        found.save(result)
    show([row.to_dict() for row in found.rows], [success_table(found.rows), f"report: {page}"], as_json)


@app.command(epilog="Example: [bold]wam chunks runs/diffusion --world push --option task=instruction --option zones=2[/]")
def chunks(
    run: RunFolder,
    world: Annotated[str, typer.Option(help="A world of the library.")] = "push",
    goals: Annotated[int, typer.Option(help="Held-out starts.", min=1)] = 200,
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


@app.command(epilog="Example: [bold]wam check my_module:make_model[/]")
def check(
    target: Annotated[str, typer.Argument(help="module:factory of a model, policy, planner, world or windows.")],
    device: Device = "cpu",
    as_json: AsJson = False,
) -> None:
    """Conformance of your own object: what came, what was expected, the likely cause. Exit code 1 where a check fails."""
    from wam.check import check_target

    report = check_target(target, device=device)
    show(report.to_dict(), str(report), as_json)
    if not report.ok:
        raise typer.Exit(1)


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
    past: Annotated[int, typer.Option(help="Frames seen.")] = 3,
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
