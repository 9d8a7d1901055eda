"""Success over tasks and conditions: a table of `SuccessRow`s as a published result.

Rows are tasks, columns are policies, held-out splits, or whatever else was varied.   Does not know: worlds, how it is shown.
"""

from dataclasses import dataclass

from wam.evaluate.result import Result
from wam.evaluate.success import SuccessRow
from wam.world import Spec, SpecError


@dataclass(frozen=True, kw_only=True)
class GridRow(Spec):
    """One task."""

    name: str
    cells: tuple[SuccessRow, ...]  # in the order of the columns
    bar: float | None = None  # success asked of the first column, 0 .. 1

    @property
    def kept(self) -> bool | None:
        """Did the first column do as much as was asked? None where nothing was."""
        return None if self.bar is None else self.cells[0].success >= self.bar


@dataclass(frozen=True, kw_only=True)
class SuccessGrid(Result):
    """How often each task was solved under each condition."""

    corner: str  # what the rows are
    columns: tuple[str, ...]
    rows: tuple[GridRow, ...]

    def __post_init__(self) -> None:
        """SpecError for a row of another length than the columns."""
        if odd := [row.name for row in self.rows if len(row.cells) != len(self.columns)]:
            raise SpecError(f"the rows {odd} of the grid have another number of cells than its {len(self.columns)} columns. Measure every cell.")
