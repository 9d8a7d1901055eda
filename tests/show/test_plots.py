"""Plots hold what they were given: words as text outlines cannot be read back, so the drawing calls are checked by structure."""

import xml.etree.ElementTree as ElementTree

import matplotlib as mpl
import pytest

from tests.show.samples import card, row
from wam.show.plots import ARMS, horizon_plot, success_plot, training_plot
from wam.show.training import Points, TrainingLog


@pytest.mark.parametrize(
    "draw",
    [
        lambda: horizon_plot(card()),
        lambda: success_plot([row("random", 0), row("expert", 20), row("wam", 13)]),
        lambda: training_plot(
            TrainingLog(losses={"a": Points(steps=(1, 2, 3), values=(100.0, 10.0, 1.0)), "b": Points(steps=(1, 2, 3), values=(0.5, -0.5, 0.1))})
        ),
    ],
)
def test_a_plot_is_a_closed_picture_that_repeats(draw):
    before = dict(mpl.rcParams)
    picture = draw()
    root = ElementTree.fromstring(picture.data)
    assert root.tag.endswith("svg") and picture.mime == "image/svg+xml"
    assert picture.data == draw().data and dict(mpl.rcParams) == before
    links = [value for node in root.iter() for name, value in node.attrib.items() if name.endswith("href")]
    assert all(link.startswith(("#", "data:")) for link in links)  # nothing is loaded from elsewhere


def test_arms_have_colours_and_lines_of_their_own():
    assert len({colour for colour, _, _ in ARMS.values()}) == len(ARMS) and len({str(line) for _, line, _ in ARMS.values()}) == len(ARMS)
