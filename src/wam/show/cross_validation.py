"""A leave-one-episode-out result as tables, for a terminal and for a page of the docs."""

from wam.evaluate.card import BASELINES, FLOOR, MODEL, SHUFFLED, Curve
from wam.evaluate.cross_validation import CrossValidated
from wam.evaluate.futures import ACTION, DECIDED, HOLD, MEAN, MOVING
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
HERE = {  # where an arm means something else than elsewhere
    (COPY, MOVED): NAMES[STILL],
    (COPY, MOVING): "the last frame, kept",
    ("mean", MOVING): "the mean picture of the training frames",
    ("background", MOVING): "their median picture",
    (MEAN, DECIDED): "the mean action of the training episodes",
    (HOLD, DECIDED): "standing still",
}
TITLES = {
    LATENTS: "Cameras alone",
    MOVED: "The true last place plus a predicted displacement",
    MOVING: "Pixels that move",
    DECIDED: "What it would do, against what was done",
}
SHOWN = {
    LATENTS: (MODEL, SHUFFLED, COPY, STILL, FLOOR, PICTURE_FLOOR),
    MOVED: (MODEL, SHUFFLED, COPY, VELOCITY, COMMANDS, FLOOR, PICTURE_FLOOR),
    MOVING: (MODEL, SHUFFLED, *BASELINES),
    DECIDED: (MODEL, MEAN, HOLD),
}
UNITS = {  # what stands in a table's corners, how a figure is scaled
    LATENTS: ("error, cm", "error", 100),
    MOVED: ("error, cm", "error", 100),
    MOVING: ("PSNR, dB", "squared error", 1),
    DECIDED: ("error, standard deviations", "error", 1),
}


def summaries(result: CrossValidated) -> tuple[Table, ...]:
    """Two tables for each thing that was asked: figures, then how they compare."""
    steps = sorted({contrast.step for contrast in result.contrasts})
    ahead, numbers = tuple(f"+{step / result.rate:.2g} s" for step in steps), tuple(range(1, len(steps) + 1))
    found = []
    for where, title in TITLES.items():
        arms = {curve.arm: curve for curve in result.curves if curve.measure.where == where}
        if not arms:
            continue
        corner, error, scale = UNITS[where]
        rows = [(name_of(arm, where), *(figure(arms[arm], step, scale) for step in steps)) for arm in SHOWN[where] if arm in arms]
        found.append(Table(title=title, columns=(corner, *ahead), rows=tuple(rows), note="", numbers=numbers))
        ratios = {(contrast.against, contrast.step): contrast.ratio for contrast in result.contrasts if contrast.measure.where == where}
        rows = [(name_of(arm, where), *(between(ratios.get((arm, step))) for step in steps)) for arm in SHOWN[where] if (arm, steps[0]) in ratios]
        note = "Below 1 the model is better; brackets that hold 1 say nothing."
        found.append(Table(title="", columns=(f"{error} of the model / {error} of", *ahead), rows=tuple(rows), note=note, numbers=numbers))
    return tuple(found)


def head(result: CrossValidated) -> str:
    """What was done, in words."""
    return (
        f"{len(result.folds)} episodes, {result.windows} windows; {result.robot}; {len(result.cameras)} cameras at {result.size} px and {result.rate:g} Hz; "
        f"actions {'derived from states' if result.derived else 'as recorded'}: {result.actions}. {len(result.folds)} trainings of "
        f"`{result.origin.recipe}`, {result.training_steps} steps each; the command took {duration(result.origin.wall_seconds)}, trainings that were there "
        f"already not counted ({result.origin.device}). "
        "Brackets: 95 % intervals over episodes."
    )


def probe_line(result: CrossValidated) -> str:
    """How much of the position the probe finds at all; nothing where there was none."""
    if not result.probes:
        return ""
    told = {score.reads: f"off by {100 * score.error:.1f} cm, R² {score.r2:.2f}" for score in result.probes}
    return f"The probe on all real held-out frames: from latents {told[FLOOR]}; from the pictures themselves {told[PICTURE_FLOOR]}."


def name_of(arm: str, where: str) -> str:
    """An arm in words."""
    return HERE.get((arm, where)) or NAMES[arm]


def figure(curve: Curve, step: int, scale: float) -> str:
    """A figure with its interval."""
    value, low, high = (ends[step - 1] for ends in (curve.values, curve.low, curve.high))
    if value is None or low is None or high is None:
        return "-"
    digits = 2 if curve.measure.name == ACTION else 1
    return f"{scale * value:.{digits}f} ({scale * low:.{digits}f} to {scale * high:.{digits}f})"


def between(ratio: Interval | None) -> str:
    """A ratio with its interval."""
    return "-" if ratio is None else f"{ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
