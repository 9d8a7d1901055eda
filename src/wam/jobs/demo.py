"""The demonstration: record a pushing world, train `lewm` tiny on it, look at what it imagines, and let it reach goal images.

Everything that it shows is measured here, on held-out starts, beside a random policy, the strongest trivial policy and the
expert. Writes report.html and summary.json.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from wam.data import open_dataset
from wam.evaluate.card import RolloutCard
from wam.evaluate.origin import Origin
from wam.evaluate.rollouts import rollout_card
from wam.evaluate.sources import Sources
from wam.evaluate.success import SuccessRow, compare_success
from wam.jobs.branching import BRANCHES, Tried, branches_of
from wam.jobs.control import control
from wam.jobs.imagine import imagined_sections, places
from wam.jobs.origins import JUDGED
from wam.jobs.place import Place
from wam.jobs.record import record_world
from wam.jobs.windowing import windows_of
from wam.recipes.runs import Run, train_recipe
from wam.show.bars import Bars
from wam.show.report import Report
from wam.show.sections import card_sections, episodes_section, origin_section, success_sections, training_section
from wam.show.tables import success_table
from wam.show.training import read_training_log
from wam.world import Episodes, Window

TRAINING = {"play": 0.7, "noisy_expert": 0.15, "wander": 0.15}  # shares of the policies that record


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """How much of everything."""

    episodes: int = 2500  # recorded
    goals: int = 50  # tried by each policy
    held_out: int = 64  # windows and episodes to judge predictions on
    horizon: int = 5  # model steps that the card looks ahead
    steps: int | None = None  # of training; None = the preset's
    seed: int = 0  # of the training run


def run_demo(folder: Path, config: DemoConfig | None = None, *, console: Console | None = None) -> Path:
    """Returns the path of the report. What was recorded or trained before is used again."""
    config, console, started = config or DemoConfig(), console or Console(), time.monotonic()
    sources = Sources.of("wam.jobs.demo", "wam.recipes.lewm", "wam.sim.worlds.push")
    data = record(folder / "data", config, console)
    console.print(f"[bold]training[/] lewm tiny on {data}")
    run = train(folder, data, config)
    console.print("[bold]imagining[/] held-out episodes")
    card, window = judge(run, data, config)
    console.print("[bold]controlling[/] to held-out goal images")
    rows, films = act(run, config, console)
    console.print(success_table(rows))
    origin = Origin.now(
        started=started,
        protocol=(
            f"{config.goals} held-out goal images; the disc starts at least 2 radii from its goal; solved = its centre within half a radius when the "
            f"budget of {rows[0].steps} steps is over; the model sees pictures only."
        ),
        seeds=f"training {config.seed}; {JUDGED}",
        sources=sources,
        recipe=run.name,
        data=f"{config.episodes} episodes of the push world, seeds 0 to {config.episodes - 1}",
        statistics=run.trained_on.statistics,
    )
    summary = {"rows": [row.summary() for row in rows], "card": card.to_dict(), "origin": origin.to_dict()}
    (folder / "summary.json").write_text(json.dumps(summary, indent=2))
    path = report(run, rows, films, card, window, origin).save(folder / "report.html")
    console.print(f"[bold]report[/] {path}   [bold]figures[/] {folder / 'summary.json'}   {origin.wall_seconds:.0f} s")
    return path


def record(folder: Path, config: DemoConfig, console: Console) -> Path:
    """The training episodes; recorded once."""
    if folder.exists() and len(open_dataset(folder)) >= config.episodes:
        return folder
    console.print(f"[bold]recording[/] {config.episodes} episodes of the push world")
    with Bars(console) as bars:
        return record_world(
            "push", folder, episodes=config.episodes, policies=TRAINING, truth=("pose",), resume=folder.exists(), progress=bars.task("episodes")
        )


def train(folder: Path, data: Path, config: DemoConfig) -> Run:
    """The model; trained once per seed."""
    place = folder / f"run-{config.seed}"
    return train_recipe("lewm", data, place, seed=config.seed, steps=config.steps, resume=place.exists())


def act(run: Run, config: DemoConfig, console: Console, *, references: bool = True) -> tuple[list[SuccessRow], dict[str, Episodes]]:
    """Success of the model, and of the reference policies unless they are known."""
    with Bars(console) as bars:
        return control(run, Place("push"), goals=config.goals, bars=bars, references=references)


def judge(run: Run, data: Path, config: DemoConfig) -> tuple[RolloutCard, Window]:
    """The rollout card on fresh episodes of play, from evaluation seeds; also its windows."""
    held_out = branches_of(run, Tried(world="push", starts=config.held_out), horizon=config.horizon)
    training, _ = windows_of(run, data, config.horizon, 512)
    first = held_out.select(torch.arange(0, held_out.size("B"), BRANCHES))
    card = rollout_card(run.model, first, training=training, name=run.name, positions=places(run, first), branches=held_out, branches_per_start=BRANCHES)
    return card, first


def report(run: Run, rows: list[SuccessRow], films: dict[str, Episodes], card: RolloutCard, window: Window, origin: Origin) -> Report:
    """The page."""
    by_name = {row.name: row for row in rows}
    model, trivial = by_name["lewm"], by_name["drive_to_goal"]
    return Report(
        title="lewm on the push world",
        summary=(
            f"A world model learned from {origin.data} reaches {model.success:.0%} of {model.episodes} held-out goal images "
            f"({model.low:.0%} to {model.high:.0%}); driving the pusher to its own place in the goal image reaches {trivial.success:.0%}."
        ),
        sections=(
            *success_sections(rows, [compare_success(model, trivial)]),
            episodes_section(model, films["lewm"], rate=run.data.rate),
            *imagined_sections(run, window),
            *card_sections(card),
            training_section(read_training_log(run.folder / "log.jsonl")),
            origin_section(origin),
        ),
    )
