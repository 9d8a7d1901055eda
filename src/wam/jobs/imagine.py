"""Judge a trained world model's predictions on data that it has not seen, and write the page."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from wam.check import check_views
from wam.evaluate.baselines import Pictures
from wam.evaluate.card import CLEAR, POSITION, Measure, RolloutCard
from wam.evaluate.imagine import Imagined, imagine, others
from wam.evaluate.probe import Positions, position_of_slots, positions_of_objects
from wam.evaluate.result import Result, Verdicts
from wam.evaluate.rollouts import rollout_card
from wam.evaluate.sources import Sources
from wam.jobs.at_hand import data_of
from wam.jobs.branching import BRANCHES, Tried, branches_of
from wam.jobs.origins import origin_of
from wam.jobs.windowing import horizon_of, windows_of
from wam.recipes.runs import Run, frames_for, load
from wam.show.picture import Picture
from wam.show.report import Figures, Report, Section
from wam.show.sections import card_sections, origin_section, strips_section, training_section
from wam.show.training import read_training_log
from wam.world import Window

STRIPS = 4  # windows that are drawn
VERDICT = "tiny"  # the preset whose conformance `wam list` tells
UNTOLD = "It imagines without being told the actions, so there are none to shuffle."
ABSENT = "Its training data ({}) is not here, so there are no mean and background pictures and no probes."
READS = 0.5  # R2 of a probe on true frames from which its positions count for a verdict


@dataclass(frozen=True, kw_only=True)
class ImaginedResult(Result):
    """How well one trained run predicts, open loop."""

    card: RolloutCard
    told: bool = True  # the actions; what is told none has no arm with those of others
    notes: tuple[str, ...] = ()  # what the card lacks, and why


def imagine_run(
    folder: Path,
    data: str | Path,
    *,
    horizon: int,
    count: int,
    training: str | Path | None = None,
    tried: Tried | None = None,
    sheet: Path | None = None,
    written: Path | None = None,
    device: str = "cpu",
    tell: Callable[[str], None] = lambda what: None,
) -> tuple[ImaginedResult, Path]:
    """The rollout card on `count` windows of `data`, and the path of report.html in the run's folder; `written`: a file for the figures.

    `horizon`: in steps of the run, rounded up to whole chunks of what it imagines with, whose steps may be longer; the card counts those.
    `training`: where the data that the run learned from lies now, by default where it lay; without it there are no mean and
    background pictures and no probes. `tried`: where different actions are tried from the same starts. `sheet`: a file for
    the strips of the first window, as PNG. `tell`: says what begins. ValueError for a horizon that no episode fills, and for the training data itself.
    """
    started, run = time.monotonic(), load(folder, device=device, stopped=True)
    horizon = horizon_of(run, horizon)
    tell("reading the data")
    sources = Sources.of("wam.jobs.imagine", f"wam.recipes.{run.recipe.name}", *([f"wam.sim.worlds.{tried.world}"] if tried is not None else []))
    learned = training or data_of(run)
    run = run.read(instructions_of(run, [data] if learned is None else [data, learned]))
    require_unseen(run, data, learned)
    held_out, episodes = windows_of(run, data, horizon, count)
    known = None if learned is None else windows_of(run, learned, horizon, 4 * count, episodes=run.trained_on.episodes)[0].to(device)
    held_out = held_out.to(device)
    both = [held_out] if known is None else [held_out, known]
    told = run.imagining.spec.consumes.told
    if tried is not None and not told:
        raise ValueError(f"{run.name} imagines without being told the actions, so it cannot tell what others lead to: leave --world out.")
    tell(f"imagining {held_out.size('B')} windows of {horizon} steps, and measuring them")
    strips = imagined_sections(run, held_out, episodes)
    if sheet is not None:  # before the figures, which take longer
        first_strip(strips, run.name).save(sheet)
    card = rollout_card(
        run.imagining,
        held_out,
        training=known,
        name=run.name,
        episodes=episodes,
        positions=places(run, *both),
        branches=None if tried is None else branches_of(run, tried, horizon=horizon).to(device),
        branches_per_start=BRANCHES,
    )
    notes = [] if told else [UNTOLD]
    if run.left:
        notes.append(f"Its training is not over: {run.left}. So it says nothing of its conditions.")
    if learned is not None and frames_for(run.preset, learned, run.trained_on.episodes).fingerprint() != run.trained_on.fingerprint:
        notes.append(f"{short(learned)} is not what it learned from, or another recording of it: mean and background pictures and probes are of that set.")
    if learned is None:
        notes.append(f"{ABSENT.format(short(run.trained_on.data))} Name where it lies now with --training.")
    if len({knows_poses(window) for window in both}) == 2:
        notes.append("Poses of bodies are known in one of the two sets alone, so no probe is asked for them.")
    if card.episodes < 2:
        notes.append("All windows are of one episode, which says nothing of others: no intervals, no verdicts.")
    missing, branched = "".join(f" {note}" for note in notes), "" if tried is None else f" Branches: {tried}."
    origin = origin_of(
        run,
        started=started,
        protocol=(
            f"{card.windows} windows of {short(data)}; trained on {short(run.trained_on.data)}.{branched}{missing} "
            f"Uses its conditions: every error with true actions below {CLEAR} times that with shuffled ones, whole interval."
        ),
        seeds="windows drawn with seed 0",
        sources=sources,
        device=device,
    )
    if run.preset_name == VERDICT:
        tell("checking that it keeps the promises of its interfaces")
    verdicts = Verdicts(conforms=conforms(run), uses_conditions=None if run.left else uses_conditions(card))
    found = ImaginedResult(card=card, told=told, notes=tuple(notes), origin=origin, verdicts=verdicts)
    if written is not None:  # before the page is drawn
        found.save(written)
    log = run.folder / "log.jsonl"  # an exported run has none
    page = Report(
        title=f"What {run.name} imagines",
        summary=f"Open-loop predictions on {card.windows} windows of {card.episodes} episodes that it was not trained on.{missing}",
        sections=(
            *strips,
            *card_sections(card),
            *((training_section(read_training_log(log)),) if log.exists() else ()),
            origin_section(origin),
        ),
    )
    return found, page.save(run.folder / "report.html")


def conforms(run: Run) -> bool | None:
    """Does it pass every check in all that it can be used as? The verdict is of the preset tiny: None for another."""
    return all(report.ok for report in check_views(run.model)) if run.preset_name == VERDICT else None


def uses_conditions(card: RolloutCard) -> bool | None:
    """Is every error that an instrument can see clearly below that with other actions? None where none can be seen, and of a single episode."""
    if card.episodes < 2:
        return None
    used = [contrast.better for contrast in card.action_use() if is_read(card, contrast.measure)]
    return all(used) if used else None


def is_read(card: RolloutCard, measure: Measure) -> bool:
    """Can its instrument see what it measures? A probe that finds nothing in true frames says nothing of imagined ones."""
    blind = {(probe.reads, probe.body) for probe in card.probes if probe.r2 < READS}
    return measure.name != POSITION or (measure.where, measure.of) not in blind


def short(data: str | Path) -> str:
    """The last two parts of a path, or a Hub id: where a machine keeps its data is nobody else's business."""
    return "/".join(Path(data).parts[-2:])


def require_unseen(run: Run, data: str | Path, learned: str | Path | None) -> None:
    """ValueError where a data set holds episodes that the run learned from. Where what it learned from is not at hand, only the very same set is found."""
    about, shown = run.trained_on, frames_for(run.preset, data)
    told = "predictions there say nothing. Pass episodes that it has not seen; `wam data split` holds some out before training."
    if learned is not None:
        known = set(frames_for(run.preset, learned, about.episodes).episode_fingerprints())
        if seen := sum(one in known for one in shown.episode_fingerprints()):
            raise ValueError(f"{run.name} was trained on {seen} of the {len(shown.lengths)} episodes of {data}: {told}")
    same = about.episodes is None or max(about.episodes) < len(shown.lengths)
    if same and frames_for(run.preset, data, about.episodes).fingerprint() == about.fingerprint:
        which = "what" if about.episodes is None else "a set with the episodes that"
        raise ValueError(f"{data} is {which} {run.name} was trained on: {told}")


def imagined_sections(run: Run, window: Window, episodes: Int[Tensor, "B"] | None = None) -> tuple[Section, ...]:
    """Strips of truth, prediction, error, and of the same with other windows' actions where it is told any; nothing for models without pictures.

    `episodes`: which recorded one each window is of; None = windows are starts of a world.
    """
    first = window.narrow("B", 0, 64)
    shown = imagine(run.imagining, first)
    if shown.pictures is None:
        return ()
    more: dict[str, Pictures] = {}
    if run.imagining.spec.consumes.told:
        other: Imagined = imagine(run.imagining, first, first.actions.select(others(first.size("B"))))
        assert other.pictures is not None
        more = {"shuffled actions": other.pictures}
    starts, word = (torch.arange(first.size("B")), "start") if episodes is None else (episodes, "episode")
    names = [f"{word} {number}" for number in starts[:STRIPS].tolist()]
    return (strips_section(first, shown.pictures, names, rate=run.imagining.spec.rate, more=more),)


def first_strip(sections: tuple[Section, ...], name: str) -> Picture:
    """Of the first window, as `imagined_sections` drew it. ValueError for a model without pictures."""
    if not sections:
        raise ValueError(f"{name} imagines no pictures, so there is no sheet to draw: leave --sheet out.")
    (section,) = sections
    assert isinstance(section, Figures)
    return section.items[0].pictures[0][1]


def instructions_of(run: Run, data: Sequence[str | Path]) -> tuple[str, ...]:
    """One table of the instructions of several data sets; the run's own where it reads none."""
    spec = run.imagining.spec
    return tuple(dict.fromkeys(text for one in data for text in frames_for(run.preset, one).sentences)) if spec.instructed else spec.sentences


def places(run: Run, *windows: Window) -> Positions | None:
    """What a probe can be asked for: bodies where a simulator knew them in all windows, else the first three proprioceptive numbers where they are metres."""
    if all(knows_poses(window) for window in windows):
        return positions_of_objects(run.data.objects)
    return position_of_slots(run.data.observes.proprio)


def knows_poses(window: Window) -> bool:
    """Did a simulator know them when these windows were recorded?"""
    return window.truth is not None and window.truth.pose is not None
