"""A bar is there from the first thing that is done, and fits 80 columns."""

import pytest
from rich.console import Console

from wam.show.bars import Bars


def test_an_error_before_the_work_has_no_bar_above_it(capsys):
    with pytest.raises(ValueError, match="no such world"), Bars(Console(stderr=True)) as bars:
        bars.task("episodes")
        raise ValueError("no such world")
    assert capsys.readouterr().err == ""


def test_a_bar_tells_what_is_done_of_how_many(capsys):
    with Bars(Console(stderr=True, width=80)) as bars:
        tell = bars.task("episodes")
        tell(0, 12000)
        tell(11000, 12000)
    told = capsys.readouterr().err
    assert "episodes" in told and "11000/12000" in told and "…" not in told
    with Bars(Console(stderr=True, width=80)) as bars:
        bars.task("episodes")(7, None)
    assert "7/?" in capsys.readouterr().err
