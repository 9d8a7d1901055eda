"""A stage whose model learns by its own procedure.

Every process fits, on the same episodes with the same noise, and the first one writes the checkpoint.
"""

from collections.abc import Callable

import torch
from torch import nn

from wam.train.log import Line
from wam.train.order import reseed, seed_from
from wam.train.parts import learners, learning
from wam.train.session import Session
from wam.world import Episodes, Fits, Noise


def fit(session: Session, model: nn.Module, index: int, episodes: Callable[[], Episodes] | None) -> None:
    """Run `fit` of each learner to its end. A stop leaves no checkpoint inside the stage."""
    stage, team = session.stages[index], session.team
    if episodes is None:
        raise ValueError(f"stage {stage.name!r} fits from whole episodes: pass episodes=..., a function that returns them.")
    data = episodes().to(team.device)
    noise = Noise.of(seed_from("noise", session.seed, stage.name) + torch.arange(data.size("B"))).to(team.device)
    reseed(seed_from("torch", session.seed, stage.name), team.device)
    done = 0
    session.log.begin(stage.name, None, 0)
    with learning(model, stage):
        for prefix, learner in learners(model, stage).items():
            if not isinstance(learner, Fits):
                raise TypeError(f"{type(learner).__name__} is trained by Fit and has no `fit(episodes, *, noise)`. Give it one, or train it with Gradient.")
            for progress in learner.fit(data, noise=noise):
                done += 1
                figures = {prefix + name: value for name, value in progress.figures.items()}
                session.log.write([Line(stage=stage.name, index=index, step=done, losses=figures)])
                if team.agree(session.wish.asked):
                    session.leave(stage, f"{progress.done} of {progress.total} done, and a fit is not saved half-way: it will start again")
    session.save(model, session.place(index, done, ended=True))
