"""The verbs that stay until Ctrl-C: a page to play with a model, and a server for robots."""

from pathlib import Path
from typing import Annotated

import typer

from wam.cli.common import Delay, Device, Ensemble, Execute, Join, Plan, RunFolder, options

app = typer.Typer()

Host = Annotated[str, typer.Option(help="Address to listen at; any but this machine's own needs a token.")]
Port = Annotated[int, typer.Option(help="0 takes a free one.", min=0, max=65535)]
Token = Annotated[str | None, typer.Option(help="Asked of everybody who connects; better set as WAM_TOKEN.", envvar="WAM_TOKEN")]
LIMITS = "Limits; a robot beyond them is told so and sent away"


@app.command(epilog="Example: [bold]wam play checkpoints/lewm-push --world push[/]")
def play(
    run: RunFolder,
    world: Annotated[str | None, typer.Option(help="The true world that runs along.")] = None,
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, of the world; may be repeated.")] = None,
    data: Annotated[str | None, typer.Option(help="Start from the frames of a data set instead.")] = None,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    token: Token = None,
    seed: Annotated[int, typer.Option(help="Of the model's chance.")] = 0,
    device: Device = "cpu",
) -> None:
    """Drive a world model with keys in a browser, the truth beside its imagination. Ctrl-C ends it."""
    from wam.jobs.play import play as play_run

    play_run(run, world=world, options=options(option), data=data, host=host, port=port, token=token, seed=seed, device=device)


@app.command(epilog="Example: [bold]wam serve runs/push --port 8000[/]")
def serve(
    run: RunFolder,
    host: Host = "127.0.0.1",
    port: Port = 8000,
    token: Token = None,
    keys: Annotated[Path | None, typer.Option(help="How the robot's messages name the sensors, as JSON.", dir_okay=False)] = None,
    plan: Plan = False,
    execute: Execute = None,
    ensemble: Ensemble = False,
    delay: Delay = None,
    join: Join = None,
    clients: Annotated[int, typer.Option(help="Robots that may be connected at once.", min=1, rich_help_panel=LIMITS)] = 8,
    per_second: Annotated[int, typer.Option(help="Messages of each in a second.", min=1, rich_help_panel=LIMITS)] = 200,
    frames: Annotated[int, typer.Option(help="Instants that one message may show.", min=1, rich_help_panel=LIMITS)] = 64,
    message_mib: Annotated[int, typer.Option(help="Size of one message: all its pictures, uncompressed.", min=1, rich_help_panel=LIMITS)] = 32,
    infer_seconds: Annotated[float, typer.Option(help="Until an answer, waiting for those of others included.", min=0.01, rich_help_panel=LIMITS)] = 60,
    idle_seconds: Annotated[float, typer.Option(help="Without a message, until a robot is sent away.", min=0.01, rich_help_panel=LIMITS)] = 3600,
    seed: Annotated[int, typer.Option(help="Of the policy's chance.")] = 0,
    device: Device = "cpu",
) -> None:
    """Serve a policy, or planning in a world model, to robots in openpi's wire format. Ctrl-C ends it."""
    from wam.jobs.deciding import Deciding
    from wam.jobs.serve import serve as serve_run
    from wam.serve import Keys, Limits
    from wam.world import read_spec

    limits = Limits(
        message_bytes=message_mib * 2**20,
        per_second=per_second,
        frames=frames,
        clients=clients,
        infer_seconds=infer_seconds,
        idle_seconds=idle_seconds,
    )
    told = None if keys is None else read_spec(keys, Keys)
    deciding = Deciding(plan=plan, execute=execute, ensemble=ensemble, delay=delay, join=join)
    serve_run(run, host=host, port=port, token=token, keys=told, limits=limits, deciding=deciding, seed=seed, device=device)
