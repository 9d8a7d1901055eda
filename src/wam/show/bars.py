"""Progress bars for people: one line per task, with time left."""

from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column


class Bars:
    """`with Bars(console) as bars: work(progress=bars.task("episodes"))`; the callback takes (done, total)."""

    def __init__(self, console: Console | None = None) -> None:
        whole = Column(no_wrap=True)
        columns = (
            TextColumn("{task.description:>16}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(table_column=whole),
            TimeElapsedColumn(table_column=whole),
            TextColumn("left"),
            TimeRemainingColumn(table_column=whole),
        )
        self.progress = Progress(*columns, console=console)

    def task(self, name: str) -> Callable[[int, int | None], None]:
        """A new line, from the first call on: an error before the work begins has no bar above it. A total of None = nobody knows."""
        lines = list[TaskID]()

        def tell(done: int, total: int | None) -> None:
            if not lines:
                lines.append(self.progress.add_task(name, total=total))
                self.progress.start()
            self.progress.update(lines[0], completed=done, total=total)

        return tell

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.progress.live.is_started:
            self.progress.stop()
