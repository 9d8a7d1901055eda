"""A run's model as a world to act in, from real starts: what `gym_face` and `gym_vector` make a Gymnasium environment of.

    run = wam.load("checkpoints/lewm-push")
    envs = gym_vector(imagined_world(run, 16, world="push"))

It shows pictures, predicted or decoded; of a model that has none, proprioception or its state. Everything lies where the run's model does.
Does not know: Gymnasium, who acts.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from wam.data import Frames
from wam.jobs.control import require_told
from wam.jobs.place import Place
from wam.jobs.use.beginnings import recorded_beginnings, world_beginnings
from wam.recipes.runs import Run, frames_for
from wam.use.environment import ImaginedWorld
from wam.use.judge import Judge
from wam.use.pictured import pictured
from wam.use.starts import Starts
from wam.world import ActionSpec, Statistics, cameras_shown


def imagined_world(
    run: Run,
    rows: int,
    *,
    world: str | None = None,
    options: Mapping[str, object] | None = None,
    data: str | Path | None = None,
    starts: int = 100,
    seed: int = 0,
    budget: int | None = None,
    judge: Judge | None = None,
) -> ImaginedWorld:
    """`rows` imagined episodes at a time, from first frames of a world (its `options` beside it) or from frames of a data set.

    starts: how many different ones, from `seed` on. budget: model steps of an episode, by default as many as the world's have, or the middle
    recorded one. judge: says what is solved, and where the model predicts no reward each solved step earns 1.
    ValueError unless world or data is named, and for starts of another robot or clock; SpecError for a run without a world model, for starts without
    the instructions that it follows, and for a judge of something else.
    """
    if (world is None) == (data is None):
        raise ValueError(f"say where episodes start, by one of the two: world='push' or data='runs/push'; got world={world!r} and data={data!r}.")
    device = next(run.model.parameters()).device
    if world is not None:
        found, steps = world_beginnings(run, Place(world, options or {}, str(device)).sized_for(run), starts, seed)
    else:
        found, steps = recorded_beginnings(run, in_words_of(judge, frames_for(run.preset, str(data))), str(data), starts, seed)
    model = told(run, found)
    imagined = ImaginedWorld(
        pictured(model, found.sentences) if cameras_shown(model) else model,
        found.to(device).past,
        found.to(device).task,
        rows,
        budget=budget or steps,
        acts=bounded(model.spec.consumes, run.statistics),
        success=None if judge is None else judge.of_future,
    )
    if judge is not None:
        judge.require_table(found.sentences)
        judge.require(imagined.now.last, imagined.now.task)
    return imagined


def told(run: Run, starts: Starts) -> Any:
    """The world model, which follows instructions as the starts number them. SpecError where it needs some and there are none."""
    require_told(run.world_model.spec, starts.task, run.name, f"{starts.names[0].split(',')[0]!r}, where it is to start,")
    return (run.read(starts.sentences) if starts.sentences else run).world_model


def in_words_of(judge: Judge | None, frames: Frames) -> Frames:
    """Frames whose instructions are ids into the judge's table, where it has one. ValueError for words that are not in it."""
    return frames if judge is None or not judge.sentences else frames.in_table(judge.sentences)


def bounded(acts: ActionSpec, statistics: Statistics) -> ActionSpec:
    """The same actions; slots that are not limited to both sides have the limits of what was learned from (`Statistics.within`)."""
    near = statistics.within(acts).low_level
    slots = tuple(own if math.isfinite(own.low) and math.isfinite(own.high) else seen for own, seen in zip(acts.low_level, near, strict=True))
    return replace(acts, low_level=slots)
