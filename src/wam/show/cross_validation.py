"""A leave-one-episode-out result as tables, for a terminal and for a page of the docs."""

from wam.evaluate.card import FLOOR, MODEL, SHUFFLED, Curve
from wam.evaluate.cross_validation import CrossValidated
from wam.evaluate.intervals import Interval
from wam.evaluate.places import COMMANDS, COPY, LATENTS, MOVED, PICTURE_FLOOR, STILL, VELOCITY
from wam.show.report import Table
from wam.show.words import duration

NAMES = {
    MODEL: "the model",
    SHUFFLED: "the model with another episode's actions",
    COPY: "the probe's reading of the last frame, kept",
    STILL: "the true last place, kept",
    VELOCITY: "the true last place, moved on as in the last step",
    COMMANDS: "what the actions say, without a model",
    FLOOR: "floor: the real future frames, read from their latents",
    PICTURE_FLOOR: "floor: the real future frames, read from pictures",
}
TITLES = {LATENTS: "Cameras alone", MOVED: "The true last place plus a predicted displacement"}
SHOWN = {LATENTS: (MODEL, SHUFFLED, COPY, STILL, FLOOR, PICTURE_FLOOR), MOVED: (MODEL, SHUFFLED, COPY, VELOCITY, COMMANDS, FLOOR, PICTURE_FLOOR)}


def summaries(result: CrossValidated) -> tuple[Table, ...]:
    """One table per reading: errors in centimetres, then how they compare."""
    steps = sorted({contrast.step for contrast in result.contrasts})
    ahead = tuple(f"+{step / result.rate:.2g} s" for step in steps)
    found = []
    for where, title in TITLES.items():
        arms = {curve.arm: curve for curve in result.curves if curve.measure.where == where}
        rows = [(name_of(arm, where), *(centimetres(arms[arm], step) for step in steps)) for arm in SHOWN[where] if arm in arms]
        found.append(Table(title=title, columns=("error, cm", *ahead), rows=tuple(rows), note="", numbers=tuple(range(1, len(steps) + 1))))
        ratios = {(contrast.against, contrast.step): contrast.ratio for contrast in result.contrasts if contrast.measure.where == where}
        rows = [(name_of(arm, where), *(between(ratios.get((arm, step))) for step in steps)) for arm in SHOWN[where] if (arm, steps[0]) in ratios]
        note = "Below 1 the model is better; brackets that hold 1 say nothing."
        found.append(Table(title="", columns=("error of the model / error of", *ahead), rows=tuple(rows), note=note, numbers=tuple(range(1, len(steps) + 1))))
    return tuple(found)


def head(result: CrossValidated) -> str:
    """What was done, in words."""
    return (
        f"{len(result.folds)} episodes, {result.windows} windows; {result.robot}; {len(result.cameras)} cameras at {result.size} px and {result.rate:g} Hz; "
        f"actions {'derived from states' if result.derived else 'as recorded'}: {result.actions}. {len(result.folds)} trainings of "
        f"`{result.origin.recipe}`, {result.training_steps} steps each; {duration(result.origin.wall_seconds)} in all ({result.origin.device}). "
        "Brackets: 95 % intervals over episodes."
    )


def probe_line(result: CrossValidated) -> str:
    """How much of the position the probe finds at all."""
    told = {score.reads: f"off by {100 * score.error:.1f} cm, R² {score.r2:.2f}" for score in result.probes}
    return f"The probe on all real held-out frames: from latents {told[FLOOR]}; from the pictures themselves {told[PICTURE_FLOOR]}."


def name_of(arm: str, where: str) -> str:
    """An arm in words; what is copied in the second reading is the true place."""
    return NAMES[STILL] if (arm, where) == (COPY, MOVED) else NAMES[arm]


def centimetres(curve: Curve, step: int) -> str:
    """A figure with its interval."""
    value, low, high = (ends[step - 1] for ends in (curve.values, curve.low, curve.high))
    return "-" if value is None or low is None or high is None else f"{100 * value:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def between(ratio: Interval | None) -> str:
    """A ratio with its interval."""
    return "-" if ratio is None else f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
