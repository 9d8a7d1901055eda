"""What all verbs share: options, and printing for people or for programs."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console

console = Console()


def usable(device: str) -> str:
    """A device's name, once a number was put there and read back. ValueError where that cannot be done on this machine."""
    if device == "cpu":
        return device
    import torch

    try:
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, ImportError) as error:
        here = ["cpu", *([torch.accelerator.current_accelerator()] if torch.accelerator.is_available() else [])]
        why = str(error).splitlines()[0].rstrip(".")
        raise ValueError(f"--device {device!r} cannot be used on this machine: {why}. Here can be used: {', '.join(map(str, here))}.") from error
    return device


def writable(option: typer.CallbackParam, path: Path | None) -> Path | None:
    """A place for a result or a picture, once a file was put there: nothing runs for hours and is lost then. ValueError where none can be."""
    if path is None:
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        trial = path.with_name(f"{path.name}.writing")
        trial.touch()
        trial.unlink()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ValueError(f"--{option.name} {path} cannot be written: {why}. Nothing was run; name a file in a folder that you may write to.") from error
    return path


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Device = Annotated[str, typer.Option(help="Where to compute: cpu, cuda, ...", callback=usable)]
Preset = Annotated[str, typer.Option(help="Of the recipe; `wam card RECIPE` lists them.")]
Result = Annotated[Path | None, typer.Option(help="Write figures and provenance here, as JSON.", dir_okay=False, callback=writable)]
Sheet = Annotated[Path | None, typer.Option(help="Write truth, imagination and error of something held out here, as PNG.", dir_okay=False, callback=writable)]
RunFolder = Annotated[Path, typer.Argument(help="Folder of a trained run.", exists=True, file_okay=False)]

Plan = Annotated[bool, typer.Option("--plan", help="Plan in its world model, with the recipe's objective, also where it has a policy of its own.")]
Execute = Annotated[int | None, typer.Option(help="Model steps of each chunk to execute, instead of the preset's.", min=1)]
Ensemble = Annotated[bool, typer.Option("--ensemble", help="Decide at every step, and execute the mean of all chunks that cover it.")]
Delay = Annotated[int | None, typer.Option(help="Model steps until an answer is there; meanwhile the running chunk goes on.", min=0)]
Join = Annotated[
    Literal["cut", "blend", "given"] | None,
    typer.Option(
        help="How a late answer takes over from the running chunk: at once, gradually, or as a policy that draws chunks goes on from it. "
        "By default given where actions say where to be, blend where they are changes."
    ),
]


def mention(what: str) -> None:
    """What a command begins to do, beside its output."""
    Console(stderr=True).print(f"[dim]{what} ...[/]", highlight=False)


def show(value: Any, tables: Any, as_json: bool) -> None:
    """JSON for programs, tables for people."""
    if as_json:
        print(json.dumps(value, indent=2, default=str))
        return
    for table in tables if isinstance(tables, (list, tuple)) else [tables]:
        console.print(table, markup=not isinstance(table, str), soft_wrap=isinstance(table, str))


def options(pairs: list[str] | None) -> dict[str, Any]:
    """Options of a world."""
    found = named(pairs, "--option", "size=64")
    for name in found.keys() & {"batch", "device"}:
        raise ValueError(f"--option {name}={found[name]}: {name!r} is no option of a world. {'Write --device.' if name == 'device' else 'Leave it out.'}")
    return found


def named(pairs: list[str] | None, option: str, example: str) -> dict[str, Any]:
    """`size=64` -> {"size": 64}; values are read as JSON where they are JSON."""
    found: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{option} {pair!r}: write NAME=VALUE, e.g. {option} {example}.")
        try:
            found[name] = json.loads(value)
        except json.JSONDecodeError:
            found[name] = value
        if isinstance(found[name], list):
            found[name] = tuple(found[name])
    return found
