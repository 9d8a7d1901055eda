"""Play with a trained world model: load it, find real frames to start from, serve the page until Ctrl-C.

Knows: runs, worlds by name, recorded data.   Does not know: the page, sockets.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.markup import escape

from wam.data import WindowDataset
from wam.jobs.at_hand import data_of
from wam.jobs.place import Place
from wam.jobs.practise import require_named
from wam.jobs.windowing import in_words_of, past_of_start, skip_of
from wam.recipes.runs import Run, frames_for, load
from wam.show.play import PlaySession, Start
from wam.world import EVALUATION_SEEDS, Env, Moments, Past, Slot, SpecError, WorldModel

STARTS = 12  # real frames to choose from
RECORDED = 200  # model steps after a recorded start that can be replayed, at most
BUDGET = 1_000_000  # steps of a true episode: a person plays longer than a task lasts


def play(
    folder: Path,
    *,
    world: str | None = None,
    options: Mapping[str, object] | None = None,
    data: str | Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    seed: int = 0,
    device: str = "cpu",
    console: Console | None = None,
) -> None:
    """Serve a page where a run's model is driven with keys, until SIGTERM or Ctrl-C.

    `world` runs along as the truth, from held-out starts; without it starts are frames of `data`, by default of what the run learned
    from. `port` 0 takes a free one; `token` is needed where `host` can be reached from other machines. SpecError for a run that cannot
    be played, ImportError without the extra "serve".
    """
    try:
        from wam.show.play.server import PlayServer
    except ModuleNotFoundError as error:
        if error.name != "websockets":
            raise
        raise ImportError('playing needs the extra "serve": pip install "wam[serve]"') from error
    console, run = console or Console(), load(folder, device=device, stopped=True)
    if run.left:
        console.print(f"[yellow]note:[/] the training of {escape(str(folder))} is not over: {run.left}.", soft_wrap=True)
    make, about = sessions(run, world=world, options=options or {}, data=data, seed=seed, device=device)
    make()  # what does not fit is said now, and not in a browser
    server = PlayServer(make, title=f"{run.name}, {about}", host=host, port=port, token=token)

    def started(taken: int) -> None:
        console.print(f"[bold]playing[/] {escape(run.name)}, {escape(about)}", soft_wrap=True)
        console.print(f"  open [bold]{escape(server.address(taken))}[/] in a browser", soft_wrap=True)
        console.print(f"  {'whoever has this address can play' if token else 'open to this machine only'}; Ctrl-C ends it", soft_wrap=True)

    server.run_until_signal(started)
    console.print(f"[bold]stopped[/] {server.played} page{'s were' if server.played != 1 else ' was'} played")


def sessions(
    run: Run, *, world: str | None = None, options: Mapping[str, object], data: str | Path | None = None, seed: int = 0, device: str = "cpu"
) -> tuple[Callable[[], PlaySession], str]:
    """A maker of sessions, and in words what is beside the imagination. ValueError where it is not said where to start from.

    Beside a model that is told no actions no world runs: nobody says what is done there. It gives starts and instructions.
    """
    require_named(world, options)
    if world is not None and data is not None:
        raise ValueError("a world and data were both given. The world cannot be put where a recording began: name one of the two.")
    slots = reachable(run.imagining.spec.consumes.low_level, run.statistics.action)
    if world is not None:
        make, place = world_maker(run, world, options, device), Place(world, options)
        env = make()
        asks = env.reset(torch.ones(1, dtype=torch.bool), torch.tensor([EVALUATION_SEEDS]))[1].instruction is not None
        run, model = asked_in(run, env.spec.sentences if asks else (), f"the world {place}")
        starts = held_out_starts(run, env)
        if not model.spec.consumes.told:
            return lambda: PlaySession(model, starts, seed=seed), f"from starts of the world {place}"
        return lambda: PlaySession(model, starts, world=make(), slots=slots, seed=seed), f"beside the world {place}"
    source = data_of(run) if data is None else data
    if source is None:
        raise ValueError(f"what {run.name} learned from is not here. Say where to start: a world (--world push), or a data set (--data runs/push).")
    run, model = asked_in(run, frames_for(run.preset, source).sentences, str(source))
    recorded = recorded_starts(run, source, device)
    return lambda: PlaySession(model, recorded, slots=slots, seed=seed), f"from frames of {Path(source).name}"


def asked_in(run: Run, sentences: tuple[str, ...], where: str) -> tuple[Run, WorldModel[Any]]:
    """The run, reading the instructions that are given there, and what it imagines with. SpecError where they are all that it is told, and there are none."""
    spec = run.imagining.spec
    if spec.instructed and not spec.consumes.told and not sentences:
        raise SpecError(
            f"{run.name} imagines what an instruction asks for, and {where} gives none. Name a world that does (--world push --option task=instruction), "
            "or a data set with instructions."
        )
    run = run.read(sentences) if sentences else run
    return run, run.imagining


def world_maker(run: Run, world: str, options: Mapping[str, object], device: str) -> Callable[[], Env]:
    """Makes the true world of one row as the model wants to see it, without an end where the world lets one choose."""
    place = Place(world, options, device).sized_for(run)
    endless = {"budget": BUDGET} if any(field.name == "budget" for field in fields(place.module.OPTIONS)) else {}
    return partial(replace(place, options={**endless, **place.options}).shown, 1, run.preset)


def held_out_starts(run: Run, env: Env) -> list[Start]:
    """First frames of episodes from evaluation seeds."""
    starts: list[Start] = []
    for seed in range(EVALUATION_SEEDS, EVALUATION_SEEDS + STARTS):
        observation, task = env.reset(torch.ones(1, dtype=torch.bool), torch.tensor([seed]))
        past = Past(observation=observation, actions=run.imagining.spec.consumes.nothing(1, 1, observation.device))
        asked = in_words_of(run.imagining.spec, task, env.spec.sentences)
        starts.append(Start(name=f"held-out start {len(starts) + 1}", past=past, task=asked, seed=seed))
    return starts


def recorded_starts(run: Run, data: str | Path, device: str) -> list[Start]:
    """Early frames of episodes spread over a data set, each with what followed."""
    frames, spec = frames_for(run.preset, data), run.imagining.spec
    skip = skip_of(run, frames.spec, data)
    past = past_of_start(spec)
    longest = WindowDataset(frames, past=past, skip=skip).longest
    windows = WindowDataset(frames, past=past, horizon=max(1, min(longest, RECORDED)), skip=skip)
    episodes = windows.episode_of(torch.arange(len(windows)))
    firsts = torch.cat([torch.ones(1, dtype=torch.bool), episodes[1:] != episodes[:-1]]).nonzero()[:, 0]
    chosen = firsts[torch.linspace(0, len(firsts) - 1, min(STARTS, len(firsts))).round().long()]
    window = windows.batch(chosen).to(device)
    starts = []
    for row, episode in enumerate(episodes[chosen].tolist()):
        one = window.select(torch.tensor([row], device=window.device))
        steps = int(one.valid.sum()) // spec.chunk * spec.chunk
        assert one.future.observation is not None
        recorded = Past(observation=one.future.observation, actions=one.actions).narrow("T", 0, steps) if steps else None
        starts.append(Start(name=f"episode {episode}", past=one.past, task=in_words_of(spec, one.task, frames.sentences), recorded=recorded))
    return starts


def reachable(slots: tuple[Slot, ...], recorded: Moments | None) -> tuple[Slot, ...]:
    """Slots with finite limits: those without take the 1st and 99th percentile of what was recorded. SpecError where nothing was."""
    found = []
    for index, slot in enumerate(slots):
        if math.isfinite(slot.low) and math.isfinite(slot.high):
            found.append(slot)
        elif recorded is None:
            raise SpecError(f"the action {slot.name!r} has no finite limits, and the run has no statistics that could say how far a key goes.")
        else:
            low = slot.low if math.isfinite(slot.low) else recorded.q01[index]
            high = slot.high if math.isfinite(slot.high) else recorded.q99[index]
            found.append(replace(slot, low=low, high=high))
    return tuple(found)
