"""Plots of typed results: error over the horizon, success, training curves. SVG, so that they stay sharp and small.

Colours are those of Okabe and Ito, told apart with any common colour vision; lines differ in style too. Intervals are 95 %.
Nothing is drawn on a screen and no global state of matplotlib is touched.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any

from wam.evaluate.card import Curve, Measure, RolloutCard
from wam.evaluate.success import SuccessRow
from wam.show.picture import NEEDED, Picture
from wam.show.training import TrainingLog
from wam.show.words import span

try:
    import matplotlib as mpl
    from matplotlib.axes import Axes
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
except ImportError as error:
    raise ImportError(NEEDED) from error

BLUE, ORANGE, GREEN, PURPLE, BLACK, SKY, YELLOW, RED = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#222222", "#56B4E9", "#B8A500", "#D55E00"
GREY = "#888888"
ARMS = {  # arm -> colour, line, name
    "model": (BLUE, "-", "model"),
    "shuffled": (RED, "--", "model, shuffled actions"),
    "copy": (BLACK, ":", "copy last frame"),
    "mean": (GREEN, "-.", "mean picture"),
    "background": (PURPLE, (0, (5, 1, 1, 1, 1, 1)), "background"),
    "true frames": (GREY, (0, (1, 1)), "probe on true frames (floor)"),
}
STYLE: dict[Any, Any] = {
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": BLACK,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
    "legend.frameon": False,
    "svg.hashsalt": "wam",  # the same figures give the same bytes
}


def horizon_plot(card: RolloutCard) -> Picture:
    """A panel per measure: every arm per step ahead, with its interval; all measures but SSIM."""
    measures = [one for one in card.measures() if one.name != "SSIM"]
    columns = min(2, len(measures))
    lines = -(-len(measures) // columns)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(lines, columns, squeeze=False).flatten()
        for panel, measure in zip(panels, measures, strict=False):
            _curves(panel, measure, card)
        for panel in panels[len(measures) :]:
            panel.remove()
        for panel in panels[max(0, len(measures) - columns) : len(measures)]:
            panel.set_xlabel(f"steps ahead ({1000 / card.rate:.0f} ms each)")
        known = {label: handle for panel in panels[: len(measures)] for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)}
        figure.legend(known.values(), known.keys(), loc="outside lower center", ncols=3)

    return _svg(draw, 5.0 * max(columns, 1.5), 2.6 * lines + 0.7)


def success_plot(rows: Sequence[SuccessRow]) -> Picture:
    """A bar per policy with its interval."""

    def draw(figure: Figure) -> None:
        panel = figure.subplots()
        for place, row in enumerate(reversed(rows)):
            panel.barh(place, 100 * row.success, color=SKY, height=0.6)
            panel.plot([100 * row.low, 100 * row.high], [place, place], color=BLACK, linewidth=1.5, marker="|", markersize=8)
            panel.text(100 * row.high + 1.5, place, f"{100 * row.success:.0f} %", va="center")
        panel.set_yticks(range(len(rows)), [row.name for row in reversed(rows)])
        panel.set_xlim(0, 108)
        panel.set_xticks(range(0, 101, 20))
        panel.set_xlabel(f"episodes solved at the end, % of {span(row.episodes for row in rows)} (lines: 95 % interval)")
        panel.tick_params(axis="y", length=0)

    return _svg(draw, 8.0, 0.42 * len(rows) + 0.8)


def training_plot(log: TrainingLog) -> Picture:
    """A panel per loss: every step pale, a running mean dark; a logarithmic axis where values span more than a decade."""
    columns = min(3, len(log.losses))
    lines = -(-len(log.losses) // columns)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(lines, columns, squeeze=False).flatten()
        for panel, (name, points) in zip(panels, log.losses.items(), strict=False):
            panel.plot(points.steps, points.values, color=BLUE, alpha=0.25, linewidth=0.7, rasterized=True)
            panel.plot(points.steps, points.smooth(), color=BLUE, linewidth=1.6)
            if min(points.values) > 0 and max(points.values) > 10 * min(points.values):
                panel.set_yscale("log")
            panel.set_title(name)
            panel.set_xlabel("training steps")
        for panel in panels[len(log.losses) :]:
            panel.remove()

    return _svg(draw, 3.33 * max(columns, 2), 2.2 * lines + 0.2)


def _curves(panel: Axes, measure: Measure, card: RolloutCard) -> None:
    for arm, curve in card.arms(measure).items():
        colour, line, name = ARMS[arm]
        steps, values, low, high = _known(curve)
        single = "o" if card.horizon == 1 else None  # a line through one point cannot be seen
        width, order = (2, 3) if arm == "model" else (1.4, 2)
        panel.plot(steps, values, color=colour, linestyle=line, linewidth=width, marker=single, label=name, zorder=order)
        panel.fill_between(steps, low, high, color=colour, alpha=0.15, linewidth=0)
    better = "higher is better" if measure.higher_is_better else "lower is better"
    panel.set_title(str(measure))
    panel.set_ylabel(f"{measure.unit} ({better})" if measure.unit else better)
    panel.set_xticks(_ticks(card.horizon))
    if not measure.higher_is_better:
        panel.set_ylim(bottom=0)


def _known(curve: Curve) -> tuple[list[int], list[float], list[float], list[float]]:
    """Steps that have a figure."""
    points = [
        (step + 1, value, low, high)
        for step, (value, low, high) in enumerate(zip(curve.values, curve.low, curve.high, strict=True))
        if value is not None and low is not None and high is not None
    ]
    steps, values, low, high = (list(column) for column in zip(*points, strict=True)) if points else ([], [], [], [])
    return steps, values, low, high


def _ticks(horizon: int) -> list[int]:
    every = max(1, -(-horizon // 10))
    return list(range(1, horizon + 1, every))


def _svg(draw: Callable[[Figure], None], width: float, height: float) -> Picture:
    """Inches; a CSS inch has 96 px."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure)
        file = io.BytesIO()
        figure.savefig(file, format="svg", dpi=192, metadata={"Date": None})
    return Picture(data=file.getvalue(), mime="image/svg+xml", width=round(96 * width), height=round(96 * height))
