"""The verbs that make data and models: record, train, export."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from wam.cli import several
from wam.cli.common import AsJson, Device, Preset, RunFolder, named, options, show

app = typer.Typer()


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
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A value of the preset's configuration instead of its own, e.g. --set depth=4; a wrong name lists all.")
    ] = None,
    labels: Annotated[float, typer.Option(help="Share of the episodes whose actions are shown, above 0; the rest is video alone.", min=0, max=1)] = 1.0,
    steps: Annotated[int | None, typer.Option(help="Instead of the preset's.", min=1)] = None,
    skip: Annotated[int | None, typer.Option(help="Recorded frames per model step, instead of the preset's.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Of weights, data order and noise.")] = 0,
    device: Device = "cpu",
    processes: Annotated[int, typer.Option(help="Train in so many, each with its share of every batch: one per core or GPU.", min=1)] = 1,
    resume: Annotated[bool, typer.Option(help="Go on where the run was stopped.")] = False,
    tensorboard: Annotated[bool, typer.Option(help="Write TensorBoard files too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Train a system on a data set, or in a world that it acts in. Ctrl-C saves first."""
    from wam.data import open_dataset
    from wam.jobs.practise import practise_world
    from wam.recipes import train_recipe
    from wam.recipes.dino_wm import over
    from wam.recipes.recipe import configured

    if pretrained is not None and recipe != "dino_wm":
        raise ValueError(f"--pretrained names the vision model that dino_wm looks through, and {recipe} has eyes of its own. Leave it out.")
    if resume and (out / "weights.safetensors").exists():
        raise ValueError(f"{out} was exported: without its optimiser it cannot go on. Resume the run that it was exported from, or name a new folder.")
    if processes > 1 and not several.inside():
        raise typer.Exit(several.run(processes))
    values = named(settings, "--set", "depth=4")
    training: dict[str, Any] = dict(preset=preset, steps=steps, seed=seed, device=device, resume=resume, tensorboard=tensorboard, show=not as_json)

    def change(chosen: Any) -> Any:
        return configured(chosen if pretrained is None else over(pretrained)(chosen), values)

    training["change"] = change if values or pretrained is not None else None
    if data is not None and world is None and not option:
        for note in open_dataset(data).notes if several.first() else ():
            print(f"note: {note}", file=sys.stderr)
        train_recipe(recipe, data, out, labels=labels, skip=skip, **training)
    elif world is not None and data is None and labels == 1 and skip is None and pretrained is None:
        practise_world(recipe, world, out, options=options(option), **training)
    else:
        raise ValueError(
            "a system learns from a data set (--data, with --labels, --skip and --pretrained) or in a world (--world, with its --option); name one of the two."
        )
    if several.first():
        show({"run": str(out)}, f"trained: {out}", as_json)


@app.command(epilog="Example: [bold]wam export runs/lewm --out checkpoints/lewm-push[/]")
def export(run: RunFolder, out: Annotated[Path, typer.Option(help="A new folder.", file_okay=False)], as_json: AsJson = False) -> None:
    """A trained run to hand on: half precision, without optimiser and log. `wam.load` reads it as any run."""
    from wam.recipes import export as export_run

    folder = export_run(run, out)
    size = sum(path.stat().st_size for path in folder.iterdir())
    show({"path": str(folder), "bytes": size}, f"{folder}: {size / 1e6:.1f} MB", as_json)
