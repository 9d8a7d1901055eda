"""One command, few verbs. People first; `--json` prints what a program wants to read.

Verbs import heavy modules inside, so that `wam --help` answers at once.
"""

import errno
import sys

import typer
from rich.console import Console
from rich.markup import escape

from wam.cli import compare, data, library, live, training, trying, use

__all__ = ["app", "main"]

app = typer.Typer(
    name="wam",
    help="World models and world action models behind one small interface.",
    epilog="Example: [bold]wam demo --out runs/demo[/], or step by step: [bold]wam record[/], [bold]train[/], [bold]imagine[/], [bold]control[/].",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
for verbs in (library, training, trying, compare, live):
    app.add_typer(verbs.app)
app.add_typer(data.app, name="data")
app.add_typer(use.app, name="use")


def remedy(error: BaseException) -> str:
    """What to do about an error of the system, which says no more than what it is."""
    if not isinstance(error, OSError) or not error.errno:
        return ""
    if error.errno == errno.EADDRINUSE:
        return ". Another program listens there: choose another --port, or 0 for a free one."
    return ". Check the path, the rights to it and the space that is left."


def main() -> None:
    """The entry point: errors that explain themselves are printed without a traceback."""
    from wam.plan.control.safety import SafetyError

    explained: tuple[type[BaseException], ...] = (ValueError, OSError, ImportError, FloatingPointError, SafetyError)
    try:
        app()
    except explained as error:
        Console(stderr=True).print(f"[bold red]error[/] {escape(str(error))}{remedy(error)}", soft_wrap=True)
        sys.exit(2)
