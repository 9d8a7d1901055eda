"""Typed results -> sections of a report, each with a line on how to read it.

What draws is imported where it is used: this module loads without the extra "show".
"""

from collections.abc import Sequence
from dataclasses import replace

from wam.evaluate.baselines import Pictures
from wam.evaluate.card import RolloutCard
from wam.evaluate.origin import Origin
from wam.evaluate.success import SuccessDifference, SuccessRow
from wam.show.report import Captioned, Facts, Figures, Section, Text
from wam.show.summaries import card_summaries, difference_summary, success_summary
from wam.show.training import TrainingLog
from wam.show.words import duration, span
from wam.world import Episodes, Window

OUTCOMES = {True: "✓ solved", False: "✗ not solved"}


def success_sections(rows: Sequence[SuccessRow], differences: Sequence[SuccessDifference] = ()) -> tuple[Section, ...]:
    """A plot, a table with seconds per decision, and paired differences where given."""
    from wam.show.plots import success_plot

    plot = Figures(
        title="Closed-loop success",
        items=(Captioned(pictures=(("", success_plot(rows)),)),),
        note=f"Each policy starts from the same held-out situations and has {span(row.steps for row in rows)} steps. Only the end counts: a task that was "
        "solved on the way and undone is not solved. Where intervals overlap widely, more episodes are needed to tell two policies apart.",
    )
    tables = (success_summary(rows), *((difference_summary(differences),) if differences else ()))
    return plot, *(replace(table, title="") for table in tables)


def card_sections(card: RolloutCard) -> tuple[Section, ...]:
    """Error over the horizon with all baselines, use of actions, branches and probes."""
    from wam.show.plots import horizon_plot

    frames = "1 frame" if card.past == 1 else f"{card.past} frames"
    plot = Figures(
        title="Prediction error over the horizon",
        items=(Captioned(pictures=(("", horizon_plot(card)),)),),
        note=f"{card.windows} held-out windows of {card.episodes} episodes; the model sees {frames}, and for {card.horizon} steps nothing more but "
        "actions, where it is told any. Moving "
        "pixels are those where the truth differs from the last frame seen; there, copying that frame is of no use. A model that lies no better than "
        "'shuffled actions' ignores what the robot does; one no better than 'copy last frame' has learned nothing of use. Bands: 95 % intervals.",
    )
    return plot, *card_summaries(card)


def strips_section(window: Window, pictures: Pictures, names: Sequence[str], *, rate: float, more: dict[str, Pictures] | None = None) -> Figures:
    """truth / prediction / error of the first windows, one per name, for every camera. `more`: further arms, e.g. shuffled actions."""
    from wam.show.pictures import prediction_strip

    items, seen, future = [], window.past.observation.rgb, window.future.observation
    if seen is None or future is None or future.rgb is None:
        raise ValueError("these windows hold no pictures, so there are no strips to draw.")
    for row, name in enumerate(names):
        steps = int(window.valid[row].sum())
        for camera, frames in pictures.items():
            others = [(arm, shown[camera][row, :steps]) for arm, shown in (more or {}).items()]
            picture = prediction_strip(seen[camera][row], future.rgb[camera][row, :steps], frames[row, :steps], rate=rate, more=others)
            items.append(Captioned(pictures=(("", picture),), caption=name + (f", camera {camera}" if len(pictures) > 1 else "")))
    return Figures(
        title="What it imagines",
        items=tuple(items),
        note="Held-out windows. After the last real frame all is imagined: nothing more is given but actions, where it is told any. "
        "Error: white = none, black = a difference of half the range or more.",
    )


def episodes_section(row: SuccessRow, episodes: Episodes, *, rate: float, count: int = 8, sentences: Sequence[str] = ()) -> Figures | Text:
    """Films of the first `count` episodes of a row, with the goal image beside where there is one. episodes: what `watch` was given first.

    `sentences`: the table of the instructions, where there are some.

    Where nothing was shown but numbers, a sentence instead.
    """
    from wam.show.pictures import still
    from wam.show.video import animate

    if not episodes.observation.rgb:
        return Text(title=f"Episodes: {row.name}", paragraphs=("It acted on numbers instead of pictures, so there are no films.",))
    camera = next(iter(episodes.observation.rgb))
    frames, goal, instructions = episodes.observation.rgb[camera], episodes.task.goal, episodes.task.instruction
    items = []
    for index in range(min(count, len(frames))):
        alive = int(episodes.alive[index].sum()) + 1
        pictures = [("goal", still(goal.rgb[camera][index, -1], 112))] if goal is not None and goal.rgb else []
        pictures.append((row.name, animate(frames[index, :alive], rate)))
        told = f"{sentences[int(instructions[index])]}, " if sentences and instructions is not None else ""
        items.append(Captioned(pictures=tuple(pictures), caption=f"{told}start {row.seeds[index]}: {OUTCOMES[row.outcomes[index]]}"))
    return Figures(
        title=f"Episodes: {row.name}",
        items=tuple(items),
        note="The first starts of the list, not chosen. Films run at the speed of the world and hold their last frame for a second: that frame is judged.",
    )


def training_section(log: TrainingLog) -> Figures:
    """Training curves."""
    from wam.show.plots import training_plot

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
            "source hash": origin.sources.digest,
            "data fingerprint": origin.data,
            "statistics hash": origin.statistics,
            "versions": ", ".join(f"{name} {version}" for name, version in origin.versions.items() if version),
        },
    )
