"""Progress bars for people: one line per task, with time left."""

from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Bars:
    """`with Bars(console) as bars: work(progress=bars.task("episodes"))`; the callback takes (done, total)."""

    def __init__(self, console: Console | None = None) -> None:
        columns = (TextColumn("{task.description:>16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        self.progress = Progress(*columns, console=console)

    def task(self, name: str) -> Callable[[int, int], None]:
        """A new line."""
        task = self.progress.add_task(name, total=None)
        return lambda done, total: self.progress.update(task, completed=done, total=total)

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.progress.stop()
