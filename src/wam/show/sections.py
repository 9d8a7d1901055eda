"""Typed results -> sections of a report, each with a line on how to read it."""

from collections.abc import Sequence

import torch
from jaxtyping import Int
from torch import Tensor

from wam.evaluate.baselines import Pictures
from wam.evaluate.card import SHUFFLED, BranchFigure, Contrast, Measure, RolloutCard
from wam.evaluate.origin import Origin
from wam.evaluate.success import SuccessDifference, SuccessRow
from wam.show.pictures import prediction_strip, still
from wam.show.plots import horizon_plot, success_plot, training_plot
from wam.show.report import Captioned, Facts, Figures, Section, Table
from wam.show.training import TrainingLog
from wam.show.video import animate
from wam.show.words import duration, percent, span
from wam.world import Episodes, Window

OUTCOMES = {True: "solved", False: "not solved"}


def success_sections(rows: Sequence[SuccessRow], differences: Sequence[SuccessDifference] = ()) -> tuple[Section, ...]:
    """A plot, a table with seconds per decision, and paired differences where given."""
    found: list[Section] = [
        Figures(
            title="Closed-loop success",
            items=(Captioned(pictures=(("", success_plot(rows)),)),),
            note=f"Each policy starts from the same held-out situations and has {span(row.steps for row in rows)} steps. Only the end counts: a task "
            "that was solved on the way and undone is not solved. Where intervals overlap widely, more episodes are needed to tell two policies apart.",
        ),
        Table(
            title="",
            columns=("policy", "solved at the end", "95 % interval", "episodes", "median steps to first solved", "time per decision"),
            rows=tuple(
                (
                    row.name,
                    percent(row.success),
                    f"{percent(row.low)} to {percent(row.high)}",
                    str(row.episodes),
                    _median_steps(row),
                    duration(row.seconds_per_decision),
                )
                for row in rows
            ),
            numbers=(1, 2, 3, 4, 5),
            note="Wilson intervals. Time per decision is wall time on the machine named below; "
            f"{span(row.batch for row in rows)} episodes decide together and share it.",
        ),
    ]
    if differences:
        found.append(
            Table(
                title="",
                columns=("comparison", "difference", "95 % interval", "episodes"),
                rows=tuple(
                    (
                        f"{one.first} minus {one.second}",
                        _points(one.difference.value),
                        f"{_points(one.difference.low)} to {_points(one.difference.high)}",
                        str(one.episodes),
                    )
                    for one in differences
                ),
                numbers=(1, 2, 3),
                note="In percentage points, paired by start. An interval that contains 0 means that no difference was found.",
            )
        )
    return tuple(found)


def card_sections(card: RolloutCard, measures: Sequence[Measure] | None = None) -> tuple[Section, ...]:
    """Error over the horizon with all baselines, use of actions, branches and probes."""
    windows = f"{card.windows} held-out windows of {card.episodes} episodes; the model sees {card.past} frames, then only actions for {card.horizon} steps."
    found: list[Section] = [
        Figures(
            title="Prediction error over the horizon",
            items=(Captioned(pictures=(("", horizon_plot(card, measures)),)),),
            note=f"{windows} Moving pixels are those where the truth differs from the last frame seen; there, copying that frame is of no use. A model "
            "that lies no better than 'shuffled actions' ignores what the robot does; one no better than 'copy last frame' has learned nothing of use. "
            "Bands: 95 % intervals.",
        ),
        Table(
            title="Does it use its actions, and does it beat what needs no learning?",
            columns=("measure", "against shuffled actions", "", "against the best baseline", ""),
            rows=tuple(_contrasts(card, measure) for measure in measures or card.measures()),
            numbers=(1, 3),
            note="Error of the model divided by that of the comparison, all steps together, with its 95 % interval: 0.5 means half the error, above 1 is "
            "worse. Squared error for PSNR, 1 - SSIM, and metres for positions. The best baseline is the best of copy, mean and background.",
        ),
    ]
    if card.branches:
        first = card.branches[0]
        found.append(
            Table(
                title="Same start, different actions",
                columns=("judged by", "own branch recognised", "95 % interval", "difference left unexplained", "95 % interval"),
                rows=tuple(_branch(figure) for figure in card.branches),
                numbers=(1, 2, 3, 4),
                note=f"From each of {first.starts} starts the simulator tries {first.branches} action sequences. Is each prediction closest to its own "
                f"outcome (chance: {percent(1 / first.branches)})? And how much of what sets the outcomes apart does the model miss (0 % = nothing, "
                "100 % = it predicts the same future for all)?",
            )
        )
    if card.probes:
        found.append(
            Table(
                title="The instrument: a fixed probe",
                columns=("reads", "finds", "R2", "mean error"),
                rows=tuple((score.reads, score.body, f"{score.r2:.3f}", f"{1000 * score.error:.1f} mm") for score in card.probes),
                numbers=(2, 3),
                note="A linear map fitted on training frames and then frozen says where things are. These are its own errors on true held-out frames: "
                "read the position errors above against them; where R2 is low they mean little.",
            )
        )
    return tuple(found)


def strips_section(window: Window, pictures: Pictures, rows: Int[Tensor, "N"], *, rate: float, more: dict[str, Pictures] | None = None) -> Figures:
    """truth / prediction / error of some windows, for every camera. `more`: further arms, e.g. shuffled actions."""
    items, seen, future = [], window.past.observation.rgb, window.future.observation
    if seen is None or future is None or future.rgb is None:
        raise ValueError("these windows hold no pictures, so there are no strips to draw.")
    for row in rows.tolist():
        for camera, frames in pictures.items():
            others = [(name, shown[camera][row]) for name, shown in (more or {}).items()]
            steps = int(window.valid[row].sum())
            picture = prediction_strip(
                seen[camera][row], future.rgb[camera][row, :steps], frames[row, :steps], more=[(name, leaf[:steps]) for name, leaf in others]
            )
            items.append(Captioned(pictures=(("", picture),), caption=f"window {row}" + (f", camera {camera}" if len(pictures) > 1 else "")))
    return Figures(
        title="What it imagines",
        items=tuple(items),
        note=f"Held-out windows. 'seen' is the last real frame; +1, +2, ... are steps of {1000 / rate:.0f} ms imagined from actions alone, no further frame is "
        "given. Error: white = none, black = a difference of half the range or more.",
    )


def episodes_section(row: SuccessRow, episodes: Episodes, *, rate: float, count: int = 8, camera: str | None = None) -> Figures:
    """Films of the first `count` episodes of a row, with the goal image beside where there is one. episodes: what `watch` was given first."""
    if not episodes.observation.rgb:
        raise ValueError("these episodes hold no pictures, so there are no films to show.")
    camera = camera or next(iter(episodes.observation.rgb))
    frames, goal = episodes.observation.rgb[camera], episodes.task.goal
    items = []
    for index in range(min(count, len(frames))):
        alive = int(episodes.alive[index].sum()) + 1
        pictures = [("goal", still(goal.rgb[camera][index, -1], 112))] if goal is not None and goal.rgb else []
        pictures.append((row.name, animate(frames[index, :alive], rate)))
        items.append(Captioned(pictures=tuple(pictures), caption=f"start {row.seeds[index]}: {OUTCOMES[row.outcomes[index]]}"))
    return Figures(
        title=f"Episodes: {row.name}",
        items=tuple(items),
        note="The first starts of the list, not chosen. Films run at the speed of the world and hold their last frame for a second: that frame is judged.",
    )


def training_section(log: TrainingLog) -> Figures:
    """Training curves."""
    return Figures(
        title="Training",
        items=(Captioned(pictures=(("", training_plot(log)),)),),
        note="Losses on training batches, unweighted. They say that the optimisation went well, not that the model is good.",
    )


def origin_section(origin: Origin) -> Facts:
    """Provenance."""
    return Facts(
        title="Where this comes from",
        facts={
            "command": origin.command,
            "protocol": origin.protocol,
            "recipe": origin.recipe,
            "seeds": origin.seeds,
            "device": origin.device,
            "wall time": duration(origin.wall_seconds),
            "commit": origin.commit,
            "source hash": origin.sources,
            "data fingerprint": origin.data,
            "statistics hash": origin.statistics,
            "versions": ", ".join(f"{name} {version}" for name, version in origin.versions.items() if version),
        },
    )


# -- words -----------------------------------------------------------------------------------------------------------------


def _contrasts(card: RolloutCard, measure: Measure) -> tuple[str, ...]:
    """A row: ratio and verdict against shuffled actions, then against the best baseline."""
    cells = [str(measure)]
    for found in (card.action_use(), card.learning()):
        contrast = next((one for one in found if one.measure == measure), None)
        cells += _verdict(contrast) if contrast is not None else ["-", ""]
    return tuple(cells)


def _verdict(contrast: Contrast) -> list[str]:
    value = contrast.ratio
    verdict = "better" if contrast.better else "worse" if value.low > 1 else "no difference found"
    against = "" if contrast.against == SHUFFLED else f" than {contrast.against}" if verdict != "no difference found" else f" from {contrast.against}"
    return [f"{value.value:.2f} ({value.low:.2f} to {value.high:.2f})", verdict + against]


def _branch(figure: BranchFigure) -> tuple[str, ...]:
    known, left = figure.identified, figure.unexplained
    return (
        figure.reads,
        percent(known.value),
        f"{percent(known.low)} to {percent(known.high)}",
        percent(left.value),
        f"{percent(left.low)} to {percent(left.high)}",
    )


def _points(value: float) -> str:
    return f"{100 * value:+.1f}"


def _median_steps(row: SuccessRow) -> str:
    steps = [float(step) for step in row.first_solved if step is not None]
    return f"{torch.tensor(steps).median():.0f}" if steps else "-"
