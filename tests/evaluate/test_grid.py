"""A grid of success rates is read back as it was, says whether its bars were kept, and a page shows every cell."""

import pytest

from tests.show import samples
from wam.evaluate.grid import GridRow, SuccessGrid
from wam.jobs.pages import written
from wam.world import SpecError

COLUMNS = ("expert", "drive_to_goal")


def grid(*rows: GridRow) -> SuccessGrid:
    return SuccessGrid(corner="task", columns=COLUMNS, rows=rows, origin=samples.origin())


def line(name: str, *solved: int, bar: float | None = None) -> GridRow:
    return GridRow(name=name, cells=tuple(samples.row(column, count) for column, count in zip(COLUMNS, solved, strict=False)), bar=bar)


def test_a_grid_is_read_back_and_judges_its_bars(tmp_path):
    made = grid(line("push", 19, 0, bar=0.9), line("open", 10, 0, bar=0.9), line("stack", 20, 1))
    assert SuccessGrid.from_json(made.save(tmp_path / "a.json").read_text()) == made
    assert [row.kept for row in made.rows] == [True, False, None]


def test_a_page_shows_every_cell_and_what_was_asked(tmp_path):
    told = written(grid(line("push", 19, 0, bar=0.9), line("open", 10, 0, bar=0.9), line("stack", 20, 1)).save(tmp_path / "a.json"))
    assert "| task | expert | drive to goal | asked | kept |" in told
    assert "| push | 95.0 % (76 to 99) | 0.0 % (0 to 16) | at least 90 % | yes |" in told
    assert "| at least 90 % | **no** |" in told and "| stack | 100.0 % (84 to 100) | 5.0 % (1 to 24) |  |  |" in told
    assert "asked" not in written(grid(line("push", 19, 0)).save(tmp_path / "b.json"))


def test_a_row_that_lacks_a_cell_is_refused():
    with pytest.raises(SpecError, match=r"rows \['push'\] of the grid have another number of cells than its 2 columns"):
        grid(line("push", 19))
