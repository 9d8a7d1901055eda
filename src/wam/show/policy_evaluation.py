"""Policy evaluation in a model as a scatter plot: success in the world against success in the model, one point per policy.

On the diagonal a model says what is true; above it, it promises too much. Lines are 95 % intervals on both axes.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wam.evaluate.intervals import Interval
from wam.show.picture import Picture
from wam.show.plots import BLACK, BLUE, GREY, ORANGE, RED, _svg

UNIT = 2.6  # points a per cent of the panel
AROUND = tuple((across, up) for across in (10, -10) for up in (9, -9))  # points, from a point to its number

LOOKS = ((BLUE, "o"), (RED, "s"), (ORANGE, "^"))  # of the models, in their order


class Evaluated(Protocol):
    """A policy in both worlds; rates are 0 .. 1."""

    @property
    def name(self) -> str: ...

    @property
    def real(self) -> Interval: ...

    @property
    def imagined(self) -> Interval: ...


def policy_scatter(models: Mapping[str, Sequence[Evaluated]]) -> Picture:
    """One colour per model, at most three: the model, and controls. Points of the first are numbered; the legend says which policy each is.

    ValueError for more models, or none.
    """
    if not 1 <= len(models) <= len(LOOKS):
        raise ValueError(f"{len(models)} models are to be drawn, expected 1 to {len(LOOKS)}: more cannot be told apart. Draw several plots.")

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        panel.plot([0, 100], [0, 100], color=GREY, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
        panel.text(97, 95, "as in the world", color=GREY, rotation=45, ha="right", va="top", rotation_mode="anchor", fontsize=8)
        for (name, points), (colour, marker) in zip(models.items(), LOOKS, strict=False):
            _points(panel, name, points, colour, marker)
        named = next(iter(models.values()))
        places = [(100 * point.real.value, 100 * point.imagined.value) for point in named]
        for number, (place, beside) in enumerate(zip(places, numbered(places), strict=True), 1):
            panel.annotate(str(number), place, textcoords="offset points", xytext=beside, ha="center", va="center", fontsize=9, color=BLACK, zorder=4)
        panel.set(xlim=(-3, 103), ylim=(-3, 103), xticks=range(0, 101, 20), yticks=range(0, 101, 20), aspect="equal")
        panel.set_xlabel("success in the world, %")
        panel.set_ylabel("success in the model, %")
        panel.legend(bbox_to_anchor=(1.02, 1.0), loc="upper left", borderaxespad=0.0)
        panel.text(1.02, 0.0, "\n".join(f"{number}  {point.name}" for number, point in enumerate(named, 1)), transform=panel.transAxes, va="bottom")

    return _svg(draw, 7.6, 4.6)


def numbered(places: Sequence[tuple[float, float]]) -> list[tuple[int, int]]:
    """Where beside each point its number stands, in points: of the places around it that which is farthest from the points and the numbers before."""
    taken = [(across * UNIT, up * UNIT) for across, up in places]
    found = []
    for across, up in taken[: len(places)]:
        beside = max(AROUND, key=lambda step: min(math.dist((across + step[0], up + step[1]), other) for other in taken))
        taken.append((across + beside[0], up + beside[1]))
        found.append(beside)
    return found


def _points(panel: Axes, name: str, points: Sequence[Evaluated], colour: str, marker: str) -> None:
    x, y = [100 * point.real.value for point in points], [100 * point.imagined.value for point in points]
    for point, across, up in zip(points, x, y, strict=True):
        panel.plot([100 * point.real.low, 100 * point.real.high], [up, up], color=colour, alpha=0.45, linewidth=1.2, zorder=2)
        panel.plot([across, across], [100 * point.imagined.low, 100 * point.imagined.high], color=colour, alpha=0.45, linewidth=1.2, zorder=2)
    panel.plot(x, y, color=colour, marker=marker, markersize=6, linestyle="none", label=name, zorder=3)
