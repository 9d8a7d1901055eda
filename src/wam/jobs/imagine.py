"""Judge a trained world model's predictions on data that it has not seen, and write the page."""

import time
from pathlib import Path

import torch

from wam.data import WindowDataset
from wam.evaluate.card import RolloutCard
from wam.evaluate.imagine import Imagined, imagine, others
from wam.evaluate.origin import Origin, command_line, commit, device_name, versions
from wam.evaluate.probe import Positions, position_of_slots, positions_of_objects
from wam.evaluate.rollouts import rollout_card
from wam.evaluate.sources import Sources
from wam.recipes.runs import Run, frames_for, load
from wam.show.report import Report, Section
from wam.show.sections import card_sections, origin_section, strips_section, training_section
from wam.show.training import read_training_log
from wam.world import Window

STRIPS = 4  # windows that are drawn


def imagine_run(folder: Path, data: str | Path, *, horizon: int, count: int, device: str = "cpu") -> tuple[RolloutCard, Path]:
    """The rollout card on `count` windows of `data`, and the path of report.html in the run's folder."""
    started, run = time.monotonic(), load(folder, device=device)
    held_out, episodes = windows_of(run, data, horizon, count)
    training, _ = windows_of(run, run.trained_on["data"], horizon, 4 * count)
    held_out, training = held_out.to(device), training.to(device)
    card = rollout_card(run.model, held_out, training=training, name=run.name, episodes=episodes, positions=places(run, held_out))
    origin = Origin(
        command=command_line(),
        protocol=f"{card.windows} windows of {data}; trained on {run.trained_on['data']}.",
        seeds="windows drawn with seed 0",
        device=device_name(device),
        wall_seconds=time.monotonic() - started,
        versions=versions(),
        recipe=run.name,
        sources=Sources.of("wam.jobs.imagine", f"wam.recipes.{run.recipe.name}"),
        commit=commit(),
        data=str(data),
    )
    page = Report(
        title=f"What {run.name} imagines",
        summary=f"Open-loop predictions on {card.windows} windows of {card.episodes} episodes that it was not trained on.",
        sections=(
            *imagined_sections(run, held_out),
            *card_sections(card),
            training_section(read_training_log(run.folder / "log.jsonl")),
            origin_section(origin),
        ),
    )
    return card, page.save(run.folder / "report.html")


def imagined_sections(run: Run, window: Window) -> tuple[Section, ...]:
    """Strips of truth, prediction, error, and of the same with other windows' actions; nothing for models without pictures."""
    first = window.narrow("B", 0, 64)
    shown = imagine(run.model, first)
    if shown.pictures is None:
        return ()
    other: Imagined = imagine(run.model, first, first.actions.select(others(first.size("B"))))
    assert other.pictures is not None
    rows = torch.arange(min(STRIPS, first.size("B")))
    return (strips_section(first, shown.pictures, rows, rate=run.data.rate, more={"shuffled actions": other.pictures}),)


def windows_of(run: Run, data: str | Path, horizon: int, count: int) -> tuple[Window, torch.Tensor]:
    """`count` windows drawn from a data set, and the episode of each."""
    windows = WindowDataset(frames_for(run.preset, data), past=run.model.spec.context[0], horizon=horizon, skip=run.preset.skip, truth=True)
    drawn = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))[:count]
    return windows.batch(drawn), windows.episode_of(drawn)


def places(run: Run, window: Window) -> Positions | None:
    """What a probe can be asked for: bodies where a simulator knew them, else the first three proprioceptive numbers where they are metres."""
    if window.truth is not None and window.truth.pose is not None:
        return positions_of_objects(run.data.objects)
    return position_of_slots(run.data.observes.proprio)
