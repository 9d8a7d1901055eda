"""Pictures of the experiment: success over the share of known actions, by split, and over the time of a decision; imagined beside realised.

Arms are told apart by colour, line and mark together. Intervals are 95 %.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

import torch
from jaxtyping import Shaped
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from wam.evaluate.intervals import Interval
from wam.show.picture import Picture
from wam.show.pictures import DENSITY, strip
from wam.show.plots import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, YELLOW, _svg
from wam.world import to_uint8

COLOURS = (BLUE, ORANGE, GREEN, PURPLE, RED, SKY, YELLOW, BLACK)
LINES = ("-", "--", ":", "-.")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">", "p", "h", "d", "H", "8")

UNKNOWN = Interval(value=math.nan, low=math.nan, high=math.nan)

Curve = Mapping[float | None, Interval]  # label share -> success; None: at every share


def looks(names: Sequence[str]) -> dict[str, tuple[str, str, str]]:
    """(colour, line, mark) of each arm, the same in every picture of a page."""
    lines = [line for line in LINES for _ in COLOURS]
    return dict(zip(names, zip(cycle(COLOURS), cycle(lines), cycle(MARKS), strict=False), strict=False))


def label_curves(curves: Mapping[str, Curve], order: Sequence[str]) -> Picture:
    """A line per arm over the share of episodes whose actions are known; a grey line across for what learns nothing.

    `order`: all arms of the page, whose places in it decide their looks.
    """
    shares = sorted({share for curve in curves.values() for share in curve if share is not None})
    style = looks(order)

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        for number, (name, curve) in enumerate(curves.items()):
            if None in curve:
                height = 100 * curve[None].value
                panel.axhline(height, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
                panel.annotate(
                    name, (1.0, height), xycoords=("axes fraction", "data"), xytext=(3, 0), textcoords="offset points", va="center", color=GREY, fontsize=8
                )
                continue
            colour, line, mark = style[name]
            places = [index + (number - len(curves) / 2) * 0.015 for index in range(len(shares))]  # side by side, so that intervals can be read
            rates = [curve.get(share, UNKNOWN) for share in shares]  # a line ends where nothing was measured
            panel.plot(places, [100 * rate.value for rate in rates], color=colour, linestyle=line, marker=mark, markersize=5, label=name)
            panel.vlines(places, [100 * rate.low for rate in rates], [100 * rate.high for rate in rates], color=colour, alpha=0.5, linewidth=1.2)
        panel.set(ylim=(-3, 103), yticks=range(0, 101, 20), ylabel="solved at the end, %", xlabel="episodes whose actions are known")
        panel.set_xticks(range(len(shares)), [f"{share:.0%}" for share in shares])
        panel.set_xlim(-0.3, max(len(shares) - 0.7, 0.3))
        handles, labels = panel.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper")

    return _svg(draw, 9.0, 4.6)


def split_bars(groups: Mapping[str, Mapping[str, Interval]]) -> Picture:
    """arm -> split -> success: a bar per split, the arms under each other."""
    splits = list(dict.fromkeys(split for group in groups.values() for split in group))

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        height = 0.8 / max(len(splits), 1)
        for index, split in enumerate(splits):
            places = [row + (index - (len(splits) - 1) / 2) * height for row, group in enumerate(groups.values()) if split in group]
            rates = [group[split] for group in groups.values() if split in group]
            panel.barh(places, [100 * rate.value for rate in rates], height=0.9 * height, color=(SKY, ORANGE, GREEN, PURPLE)[index % 4], label=split)
            panel.hlines(places, [100 * rate.low for rate in rates], [100 * rate.high for rate in rates], color=BLACK, linewidth=1.2)
        panel.set_yticks(range(len(groups)), list(groups))
        panel.invert_yaxis()
        panel.set(xlim=(0, 102), xticks=range(0, 101, 20), xlabel="solved at the end, % (lines: 95 % interval)")
        panel.tick_params(axis="y", length=0)
        handles, labels = panel.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=len(splits))

    return _svg(draw, 9.0, 0.5 * len(groups) + 1.1)


def success_over_time(points: Mapping[str, tuple[float, Interval]], order: Sequence[str]) -> Picture:
    """arm -> (milliseconds per chunk, success): up and to the left is better. `order` as in `label_curves`."""
    style = looks(order)

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        for name, (milliseconds, rate) in points.items():
            colour, _, mark = style[name]
            panel.vlines(milliseconds, 100 * rate.low, 100 * rate.high, color=colour, alpha=0.6, linewidth=1.2)
            panel.plot(milliseconds, 100 * rate.value, color=colour, marker=mark, markersize=7, linestyle="none", label=name)
        panel.set_xscale("log")
        panel.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        if max(found := [milliseconds for milliseconds, _ in points.values()]) < 10 * min(found):  # less than a decade: what lies between is named, too
            panel.xaxis.set_minor_formatter(lambda value, _: f"{value:g}")
        panel.set(ylim=(-3, 103), yticks=range(0, 101, 20), ylabel="solved at the end, %", xlabel="milliseconds per chunk, one robot (logarithmic)")
        handles, labels = panel.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right upper")

    return _svg(draw, 9.0, 4.0)


def plan_strip(start: Shaped[Tensor, "1 3 h w"], imagined: Shaped[Tensor, "D 3 h w"], happened: Shaped[Tensor, "D 3 h w"], seconds: Sequence[float]) -> Picture:
    """One episode: what was imagined at each decision, over what came of it at the same instants."""
    first = to_uint8(start)
    blank = first.new_full(first.shape, 255)
    rows = [("imagined", torch.cat([blank, to_uint8(imagined)])), ("happened", torch.cat([first, to_uint8(happened)]))]
    return strip(rows, ["start", *(f"{instant:.1f} s" for instant in seconds)], tile=64, set_off=1)


def stored(path: Path) -> Picture:
    """A strip that was saved as a PNG file."""
    with Image.open(path) as image:
        width, height = image.size
    return Picture(data=path.read_bytes(), mime="image/png", width=width // DENSITY, height=height // DENSITY)
