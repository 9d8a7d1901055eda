"""Learning online: act, remember, learn, look how well it goes; again and again.

Every episode is recorded as a LeRobot data set in the run folder, `replay-STAGE`: a stopped run reads it again, and it is a
data set like any other. While an episode lasts the model stays as it is. The random rounds, the model's own noise, windows
and evaluation starts are functions of (seed, stage, round or step), so a run that was killed and resumed ends with the same
bytes as one that was not, on the same machine type with the same threads.
Does not know: what the model is, how it plans, what the world is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from wam.data import DataSpec, Recorder, WindowDataset, cut, frames_of, open_dataset
from wam.data.episode import Episode
from wam.data.recording import holds_nothing
from wam.evaluate.returns import measure_return
from wam.evaluate.success import evaluation_seeds
from wam.plan.control.rollout import rollout
from wam.train.checkpoint import Checkpoint, CheckpointError
from wam.train.descent import Descent
from wam.train.log import Line
from wam.train.order import Draws, seed_from
from wam.train.parts import learning
from wam.train.session import Session
from wam.train.stage import Online
from wam.world import EVALUATION_SEEDS, Env, EnvSpec, Noise, Policy, Uniform

JUDGES = 10  # episodes that are judged together
LOOKS = 100_000  # number of the first evaluation start: far from those of final results


@dataclass(frozen=True)
class Practice:
    """Where and how a model acts while it learns."""

    world: Callable[[int], Env]  # so many worlds, at the clock of the model
    policy: Callable[[bool], Policy[Any]]  # the model's; True = exploring


class Replay:
    """Everything lived through so far: on disk, and in memory as what windows are cut from."""

    def __init__(self, path: Path, spec: EnvSpec) -> None:
        self.spec, self.budget = DataSpec.of_world(spec, source=f"lived through in the world {spec.name} while learning"), spec.budget
        lived = not holds_nothing(path)
        self.episodes: list[Episode] = list(open_dataset(path)) if lived else []
        self.recorder = Recorder(path, self.spec, storage="lossless", resume=lived)  # what is read again must be what was seen

    def add(self, episodes: list[Episode], first: int) -> None:
        """Episodes `first`, `first` + 1, ..., of which the earlier ones may be there already."""
        new = episodes[len(self.episodes) - first :]
        for episode in new:
            self.recorder.write(episode)
        self.episodes += new

    def windows(self, count: int, learner: Online) -> WindowDataset:
        """Windows of the first `count` episodes."""
        gradient = learner.learner
        frames = frames_of([lasting(episode, self.budget) for episode in self.episodes[:count]], self.spec)
        return WindowDataset(frames, past=gradient.past, horizon=gradient.horizon, stride=gradient.stride, edges=gradient.edges)


def lasting(episode: Episode, budget: int) -> Episode:
    """An episode that lasted its whole budget was cut off, it did not end: to a model that does not see the clock it goes on."""
    if episode.alive is None or episode.length <= budget:
        return episode
    return replace(episode, alive=torch.ones_like(episode.alive))


def practise(session: Session, model: nn.Module, index: int, learner: Online, practice: Practice | None, resumed: Checkpoint | None) -> None:
    """One online stage, from its beginning or from a checkpoint inside it."""
    stage, gradient = session.stages[index], learner.learner
    if practice is None:
        raise ValueError(f"stage {stage.name!r} learns while it acts: pass practice=..., a world and a policy.")
    if session.team.count > 1:
        raise ValueError(f"stage {stage.name!r} learns online, which takes one process; there are {session.team.count}. Start it without a launcher.")
    worlds, judges = practice.world(learner.worlds), practice.world(min(learner.judged, JUDGES))
    draws = Draws(gradient.batch, session.seed, stage.name)
    with learning(model, stage) as parameters:
        descent = Descent(session, model, index, gradient, parameters, draws)
    replay = Replay(session.folder / f"replay-{stage.name}", worlds.spec)
    with replay.recorder:
        over = 0 if resumed is None else _resume(descent, resumed, replay, learner)
        session.log.begin(stage.name, gradient.steps, descent.done)
        for number in range(over, learner.rounds):
            lived, steps = (number + 1) * learner.worlds, learner.steps_after(number + 1)
            if len(replay.episodes) < lived:
                replay.add(live(session, stage.name, number, learner, practice, worlds), number * learner.worlds)
            if steps == 0:
                if session.wish.asked:
                    session.leave(stage, f"{number + 1} of {learner.rounds} rounds are over, nothing was learned yet")
                continue
            windows = replay.windows(lived, learner)
            draws.count = len(windows)
            with learning(model, stage):
                descent.descend(windows, steps)
            ended = number + 1 == learner.rounds
            if ended or (number + 1) % learner.look == 0:
                session.log.write([look(session, index, descent.done, lived, learner, practice, judges)])
            if descent.save(len(windows), ended=ended) and not (ended and index == len(session.stages) - 1):
                session.leave(stage, f"{number + 1} of {learner.rounds} rounds are over and saved")
    descent.finish()


def _resume(descent: Descent, resumed: Checkpoint, replay: Replay, learner: Online) -> int:
    """Put everything back; the number of rounds that are over. CheckpointError where the replay is not what was learned from."""
    begun = next(rounds for rounds in range(1, learner.rounds + 1) if learner.steps_after(rounds) >= resumed.place.step)
    lived = begun * learner.worlds
    if len(replay.episodes) < lived:
        raise CheckpointError(
            f"{replay.recorder.root} holds {len(replay.episodes)} episodes, the run had lived through {lived}. "
            "It was copied in part: copy it whole, or start a new run."
        )
    descent.resume(resumed, len(replay.windows(lived, learner)))
    return begun if learner.steps_after(begun) == resumed.place.step else begun - 1


def live(session: Session, stage: str, number: int, learner: Online, practice: Practice, worlds: Env) -> list[Episode]:
    """One episode in each world."""
    starts = [seed_from("start", session.seed, stage, number, row) % EVALUATION_SEEDS for row in range(worlds.batch)]
    policy = Uniform(worlds.spec) if number < learner.random else practice.policy(True)
    noise = Noise.of(starts).fork(f"round {number}")
    episodes = rollout(worlds, policy, worlds.spec.budget, seeds=starts, noise=noise)
    return cut(episodes.to("cpu"), worlds.spec.sentences, source="random" if number < learner.random else "policy")


def look(session: Session, index: int, step: int, lived: int, learner: Online, practice: Practice, judges: Env) -> Line:
    """How well the model does now, without exploring."""
    found = measure_return(judges, practice.policy(False), name="policy", seeds=evaluation_seeds(learner.judged, start=LOOKS))
    solved = {"success": sum(found.solved) / len(found.solved)} if found.solved else {}  # not where the world does not judge it
    figures = {"return": found.mean, **solved, "episodes": float(lived)}
    told = f", solved {solved['success']:.0%} of {learner.judged}" if solved else ""
    session.log.say(f"after {lived} episodes: return {found.mean:.4g} ({found.low:.4g} to {found.high:.4g}){told}")
    return Line(stage=session.stages[index].name, index=index, step=step, losses={}, meters=figures)
