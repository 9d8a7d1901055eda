"""What a person and a program see of a training run.

A progress bar; `log.jsonl`, one JSON object per step; TensorBoard where asked for (extra "train").
A resumed run drops the lines after its checkpoint, so the log reads as if nothing had happened. Times are the only figures
in it that two equal runs do not share.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from wam.files import replace_text

FILE = "log.jsonl"
ENDS = 10  # how a stage went is told by its first and its last steps, a tenth of them each


@dataclass(frozen=True, kw_only=True)
class Line:
    """One step."""

    stage: str
    index: int  # of the stage
    step: int  # steps done, this one included
    losses: dict[str, float]  # means over the global batch, unweighted; figures of a fit
    meters: dict[str, float] | None = None  # the model's own figures, every so often
    learning_rate: float | None = None
    gradient_norm: float | None = None  # before clipping
    wait_share: float | None = None  # of the time that was spent waiting for data
    samples_per_second: float | None = None  # windows


class Figures(ProgressColumn):
    """What is cut where the terminal is too narrow for the whole line, instead of count and time."""

    def render(self, task: Task) -> Text:
        """On one line."""
        return Text(task.fields["figures"], no_wrap=True, overflow="ellipsis")


class Log:
    """The log of a run; without a folder (a process that is not the first) it is silent."""

    def __init__(self, run: Path | None, *, show: bool, tensorboard: bool):
        self.path = run / FILE if run else None
        self.console = Console(stderr=True, quiet=run is None or not show)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
            Figures(),
        )
        self.progress = Progress(*columns, console=self.console, disable=self.console.quiet)
        self.task: TaskID | None = None
        self.board = _board(run / "tensorboard") if tensorboard and run else None

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.progress.stop()
        if self.board is not None:
            self.board.close()

    def say(self, text: str) -> None:
        """A line for the person."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def begin(self, stage: str, steps: int | None, done: int) -> None:
        """A new bar."""
        self.task = self.progress.add_task(stage, total=steps, completed=done, figures="")

    def write(self, lines: Sequence[Line]) -> None:
        """Append the lines."""
        if not lines or self.path is None:
            return
        with self.path.open("a") as file:
            file.writelines(json.dumps({key: value for key, value in asdict(line).items() if value is not None}) + "\n" for line in lines)
        if self.board is not None:
            for line in lines:
                figures = {**line.losses, **(line.meters or {}), "learning_rate": line.learning_rate, "gradient_norm": line.gradient_norm}
                for name, value in figures.items():
                    if value is not None:
                        self.board.add_scalar(f"{line.stage}/{name}", value, line.step)
        if self.task is not None:
            last = lines[-1]
            figures_text = "  ".join(f"{name} {value:.4g}" for name, value in last.losses.items())
            speed = f"  {last.samples_per_second:.0f} windows/s" if last.samples_per_second is not None else ""
            self.progress.update(self.task, completed=last.step, figures=figures_text + speed)

    def conclude(self, index: int) -> None:
        """Say how far each loss of stage `index` has come: a part that learned nothing is not seen in one noisy last step."""
        if self.path is None or self.console.quiet:
            return
        lines = [line for _, line in _read(self.path) if line["index"] == index]
        share = max(1, len(lines) // ENDS)
        first, last = (_means([line["losses"] for line in part]) for part in (lines[:share], lines[-share:]))
        went = ", ".join(f"{name} {first[name]:.3g} -> {last[name]:.3g}" for name in last)
        which = f"means of the first and the last {share} steps" if share > 1 else "in the first and the last step"
        self.say(f"{lines[-1]['stage']}: {went} (losses, {which})")

    def flush(self) -> None:
        """To the disk: before a checkpoint, so that no line before it can be lost."""
        if self.path is not None and self.path.exists():
            with self.path.open("a") as file:
                os.fsync(file.fileno())

    def rewind(self, index: int, step: int) -> None:
        """Drop the lines after `step` of stage `index`, and a last line that a killed process left unfinished."""
        if self.path is None or not self.path.exists():
            return
        kept = [text for text, line in _read(self.path) if (line["index"], line["step"]) <= (index, step)]
        replace_text(self.path, "".join(kept))


def _read(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Lines as text and as what they hold, up to one that a killed process left unfinished. ValueError for one that is no JSON."""
    for number, text in enumerate(path.read_text().splitlines(keepends=True), 1):
        if not text.endswith("\n"):
            return
        try:
            yield text, json.loads(text)
        except ValueError as error:
            raise ValueError(
                f"{path}, line {number} is no JSON ({error}). It was changed or damaged: delete that line; nothing but the log lacks it."
            ) from error


def _means(losses: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: sum(one[name] for one in losses) / len(losses) for name in losses[0]}


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ImportError('logging to TensorBoard needs the extra "train": pip install "wam[train]"') from error
    return SummaryWriter(str(folder))
