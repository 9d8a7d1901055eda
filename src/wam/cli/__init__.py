"""One command, few verbs. People first; `--json` prints what a program wants to read."""

import sys

from rich.console import Console
from rich.markup import escape

from wam.cli import compare, data, live, use
from wam.cli.verbs import app

__all__ = ["app", "compare", "data", "live", "main", "use"]

app.add_typer(data.app, name="data")
app.add_typer(use.app, name="use")


def main() -> None:
    """The entry point: errors that explain themselves are printed without a traceback."""
    from wam.plan.control.safety import SafetyError

    explained: tuple[type[BaseException], ...] = (ValueError, OSError, ImportError, FloatingPointError, SafetyError)
    try:
        app()
    except explained as error:
        remedy = ". Check the path, the rights to it and the space that is left." if isinstance(error, OSError) and error.errno else ""
        Console(stderr=True).print(f"[bold red]error[/] {escape(str(error))}{remedy}", soft_wrap=True)
        sys.exit(2)
