"""One command, few verbs. People first; `--json` prints what a program wants to read."""

import errno
import sys

from rich.console import Console
from rich.markup import escape

from wam.cli import compare, data, live, use
from wam.cli.verbs import app

__all__ = ["app", "compare", "data", "live", "main", "use"]

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
