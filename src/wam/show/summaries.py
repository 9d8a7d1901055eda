"""Typed results -> tables of words, for a page and for a terminal alike, each with a line on how to read it."""

from collections.abc import Sequence
from statistics import median_low

from wam.evaluate.card import CLEAR, SHUFFLED, BranchFigure, Contrast, Measure, RolloutCard
from wam.evaluate.grid import GridRow, SuccessGrid
from wam.evaluate.returns import ReturnRow
from wam.evaluate.success import SuccessDifference, SuccessRow
from wam.show.report import Table
from wam.show.words import bracketed, duration, percent, points, rate, span


def success_summary(rows: Sequence[SuccessRow]) -> Table:
    """A line per policy."""
    return Table(
        title="Closed-loop success",
        columns=("policy", "solved at the end", "episodes", "steps", "per decision"),
        rows=tuple(_success(row) for row in rows),
        numbers=(1, 2, 3, 4),
        note=f"In brackets 95 % Wilson intervals. Steps: median to first solved. {span(row.batch for row in rows)} episodes decide together and share "
        "the wall time of a decision.",
    )


def grid_summary(grid: SuccessGrid) -> Table:
    """A line per task; beside it, where something was asked of the first column, what, and whether it was done."""
    barred = any(row.bar is not None for row in grid.rows)
    columns = (grid.corner, *(column.replace("_", " ") for column in grid.columns), *(("asked", "kept") if barred else ()))
    return Table(
        title="Closed-loop success",
        columns=columns,
        rows=tuple((row.name, *(rate(cell.success, cell.low, cell.high) for cell in row.cells), *_asked(row, barred)) for row in grid.rows),
        numbers=tuple(range(1, 1 + len(grid.columns))),
        note="Solved at the end, with the 95 % Wilson interval.",
    )


def _asked(row: GridRow, barred: bool) -> tuple[str, ...]:
    if not barred:
        return ()
    return ("", "") if row.bar is None else (f"at least {100 * row.bar:.0f} %", "yes" if row.kept else "**no**")


def return_summary(rows: Sequence[ReturnRow]) -> Table:
    """A line per policy."""
    return Table(
        title="Closed-loop return",
        columns=("policy", "mean return", "episodes", "per decision"),
        rows=tuple((row.name, f"{row.mean:.4g} ({row.low:.4g} to {row.high:.4g})", str(row.episodes), duration(row.seconds_per_decision)) for row in rows),
        numbers=(1, 2, 3),
        note=f"In brackets 95 % bootstrap intervals over starts. {span(row.batch for row in rows)} episodes decide together and share "
        "the wall time of a decision.",
    )


def difference_summary(differences: Sequence[SuccessDifference]) -> Table:
    """A line per pair of policies."""
    return Table(
        title="Differences",
        columns=("comparison", "difference in points", "episodes"),
        rows=tuple(_difference(one) for one in differences),
        numbers=(1, 2),
        note="Rates in per cent subtracted, paired by start; in brackets the 95 % interval. An interval that contains 0 means that no difference was found.",
    )


def contrast_summary(card: RolloutCard) -> Table:
    """A line per measure: against shuffled actions, and against the best baseline."""
    return Table(
        title="Does it use its actions, and does it beat what needs no learning?",
        columns=("measure", "against shuffled actions", "against the best baseline"),
        rows=tuple(_contrasts(card, measure) for measure in card.measures()),
        note="Error of the model divided by that of the comparison, all steps together, with its 95 % interval: 0.5 means half the error, above 1 is "
        f"worse. Better: the whole interval lies below {CLEAR}; hardly better: below 1. Squared error for PSNR, 1 - SSIM, and metres for positions. "
        "The best baseline is the best of copy and, where the training data is at hand, mean and background.",
    )


def branch_summary(card: RolloutCard) -> Table:
    """A line per way of judging. IndexError where the card has no branches."""
    first = card.branches[0]
    return Table(
        title="Same start, different actions",
        columns=("judged by", "own branch recognised", "difference left unexplained"),
        rows=tuple(_branch(figure) for figure in card.branches),
        numbers=(1, 2),
        note="In brackets 95 % intervals. "
        f"From each of {first.starts} starts the simulator tries {first.branches} action sequences. Is each prediction closest to its own outcome "
        f"(chance: {percent(1 / first.branches)})? And how much of what sets the outcomes apart does the model miss (0 % = nothing, 100 % = as much as "
        "one that predicts the same future for all; more, where it predicts the wrong differences)?",
    )


def probe_summary(card: RolloutCard) -> Table:
    """A line per probe and body."""
    return Table(
        title="The instrument: a fixed probe",
        columns=("reads", "finds", "R²", "mean error"),
        rows=tuple((score.reads, score.body, f"{score.r2:.3f}", f"{1000 * score.error:.1f} mm") for score in card.probes),
        numbers=(2, 3),
        note="A linear map fitted on training frames and then frozen says where things are. These are its own errors on true held-out frames: read the "
        "position errors above against them; where R² is low they mean little. A map fitted on sharp frames may be misled by drawn ones, which are softer: "
        "where places from latents are good and those from pictures are not, look at the strips.",
    )


def card_summaries(card: RolloutCard) -> tuple[Table, ...]:
    """All tables of a card."""
    found = [contrast_summary(card)]
    found += [branch_summary(card)] if card.branches else []
    found += [probe_summary(card)] if card.probes else []
    return tuple(found)


def _success(row: SuccessRow) -> tuple[str, ...]:
    steps = [step for step in row.first_solved if step is not None]
    middle = str(median_low(steps)) if steps else "-"
    return row.name, bracketed(row.success, row.low, row.high), str(row.episodes), middle, duration(row.seconds_per_decision)


def _difference(one: SuccessDifference) -> tuple[str, ...]:
    apart = one.difference
    return f"{one.first} minus {one.second}", points(apart.value, apart.low, apart.high), str(one.episodes)


def _contrasts(card: RolloutCard, measure: Measure) -> tuple[str, ...]:
    contrasts = (next((one for one in found if one.measure == measure), None) for found in (card.action_use(), card.learning()))
    return (str(measure), *("-" if contrast is None else _verdict(contrast, sure=card.episodes > 1) for contrast in contrasts))


def _verdict(contrast: Contrast, *, sure: bool) -> str:
    """The figure, and on a line of its own what it says. Not `sure`: it is of one episode."""
    value = contrast.ratio
    if not sure:
        return f"{value.value:.2f}\none episode"
    verdict = "better" if contrast.better else "worse" if value.low > 1 else "hardly better" if value.high < 1 else "no difference found"
    against = "" if contrast.against == SHUFFLED else f" ({contrast.against})"
    return f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})\n{verdict}{against}"


def _branch(figure: BranchFigure) -> tuple[str, ...]:
    return figure.reads, *(bracketed(one.value, one.low, one.high) for one in (figure.identified, figure.unexplained))
