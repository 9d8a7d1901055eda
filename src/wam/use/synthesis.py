"""Synthetic data: policies act in a model, from real starts, and everything is recorded as an ordinary LeRobot data set.

What was imagined says so: `DataSpec.source` of the set (meta/wam.json) begins with "imagined: " and holds `Imagined` as JSON, read
back by `imagined_in`; its embodiment (robot_type of meta/info.json) is the imagined world's name; each episode's source names
policy and start. Frames are uint8. Evaluation seeds and starts are refused. Of rewards and success is kept what the model
predicts and the judge says, and nothing in their place.
Does not know: whether learning from it helps. Footguns: a set at a model's clock (R actions per step) does not join one at the
world's; a judge that keeps only solved episodes keeps its own mistakes too.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from wam.data import DataSpec, EpisodeDataset, Recorder, cut, open_dataset
from wam.data.meaning import IMAGINED
from wam.plan.control.rollout import rollout
from wam.train.checkpoint import load
from wam.use.environment import ImaginedWorld, whole_steps
from wam.use.judge import Judge
from wam.use.pictured import pictured
from wam.use.starts import Starts
from wam.world import EVALUATION_SEEDS, Episodes, Noise, Policy, Spec, WorldModel, to_uint8


@dataclass(frozen=True, kw_only=True)
class Imaginer(Spec):
    """Which model imagined."""

    run: str  # name of the run's folder
    checkpoint: str  # name of the checkpoint in it
    recipe: str  # with its preset
    source: str  # hash of the sources that trained it

    @staticmethod
    def of_run(folder: Path) -> "Imaginer":
        """Of the newest checkpoint of a run, which is what `wam.load` loads. CheckpointError where there is none."""
        found = load(folder)
        about = found.provenance
        return Imaginer(run=folder.name, checkpoint=found.folder.name, recipe=f"{about.recipe} {about.preset}".strip(), source=about.source)


@dataclass(frozen=True, kw_only=True)
class Imagined(Spec):
    """Where an imagined data set comes from."""

    model: Imaginer
    starts: tuple[str, ...]  # names of the real starts
    policies: tuple[str, ...]
    seed: int  # of the first episode
    tried: int  # episodes per policy that were imagined
    steps: int  # model steps of each
    only_solved: bool  # was only kept what the judge calls solved


def synthesise(
    model: WorldModel[Any],
    policies: Mapping[str, Policy[Any]],
    starts: Starts,
    path: Path,
    *,
    imaginer: Imaginer,
    episodes: int,
    steps: int,
    batch: int = 50,
    seed: int = 0,
    judge: Judge | None = None,
    only_solved: bool = False,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Imagine `episodes` episodes of `steps` model steps with each policy; returns how many were written.

    An episode with seed s begins at start s modulo their number; `seed` is that of the first. `judge` says what is solved. `resume`: the same set
    was stopped, and goes on after its last episode. `progress` is told (episodes imagined, all).
    ValueError for held-out starts and evaluation seeds, and where nothing is worth keeping; SpecError where a policy and the model do not fit, or
    the judge reads other sentences than those of the starts; DataError for a folder that holds something else.
    """
    total = episodes * len(policies)
    if starts.held_out or seed + total > EVALUATION_SEEDS:
        raise ValueError(f"seeds from {EVALUATION_SEEDS:,} on, and their starts, are for evaluation. Synthesise from training starts, with smaller seeds.")
    if only_solved and judge is None:
        raise ValueError("only solved episodes are to be kept, and nobody says which are. Pass a judge.")
    if judge is not None:
        judge.require_table(starts.sentences)
    told = Imagined(model=imaginer, starts=starts.names, policies=tuple(policies), seed=seed, tried=episodes, steps=steps, only_solved=only_solved)
    world = ImaginedWorld(pictured(model, starts.sentences), starts.past, starts.task, batch, budget=steps, success=None if judge is None else judge.of_future)
    spec = replace(DataSpec.of_world(world.spec, source=IMAGINED + json.dumps(told.to_dict())), embodiment=f"imagined by {type(model).__name__}")
    with Recorder(path, spec, resume=resume) as recorder:
        done = max((entry.seed for entry in open_dataset(path).episodes if entry.seed is not None), default=-1) if recorder.episodes else -1  # last seed
        for number, (name, policy) in enumerate(policies.items()):
            for first in range(0, episodes, batch):
                count = min(batch, episodes - first)
                seeds = seed + number * episodes + first + torch.arange(batch)  # rows beyond `count` are dropped
                if int(seeds[count - 1]) <= done:
                    continue
                acted = rollout(world, policy, whole_steps(world.spec), seeds=seeds, noise=Noise.of(seeds).fork("synthesise"))
                for row, episode in enumerate(cut(_kept(acted.narrow("B", 0, count), model, judge), starts.sentences)):
                    if int(seeds[row]) <= done or (only_solved and not (episode.success is not None and bool(episode.success[0, -1]))):
                        continue
                    start = starts.names[int(seeds[row]) % len(starts)]
                    recorder.write(replace(episode, source=f"{name}, imagined from {start}"))
                if progress is not None:
                    progress(number * episodes + first + count, total)
        if not recorder.episodes:
            raise ValueError(f"the judge calls none of {total} imagined episodes solved, so there is nothing to record. Use better policies, or keep all.")
    return recorder.episodes


def imagined_in(dataset: EpisodeDataset) -> Imagined | None:
    """Where an imagined data set comes from; None of one that was not imagined."""
    told = dataset.spec.imagined
    return None if told is None else Imagined.from_json(told)


def _kept(episodes: Episodes, model: WorldModel[Any], judge: Judge | None) -> Episodes:
    """On the CPU, frames at rest, without figures that nobody predicted or judged."""
    seen = episodes.observation
    return replace(
        episodes,
        observation=replace(seen, rgb={name: to_uint8(rgb) for name, rgb in (seen.rgb or {}).items()}),
        reward=episodes.reward if model.spec.predicts.reward else None,
        success=None if judge is None else episodes.success,
    ).to("cpu")
