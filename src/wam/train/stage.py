"""A recipe's training as a small graph of stages, each with one learner.

Knows: what learns, what stays frozen, by which learner, in which order.
Does not know: files, devices, how a step is taken (`train.loop`), what a loss means.

Three learners: `Gradient` (a model's named losses), `Fit` (a model's own procedure: symbols, system identification) and
`Online` (gradient steps on what it lives through itself, in worlds that it acts in meanwhile).
Footgun: a loss of shape [] is a statistic of the rows that it saw. With several processes each one computes it on its own
share, batch / processes rows, and the gradients are averaged; that is not the statistic of the whole batch.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from torch import nn

from wam.world import Windows


@dataclass(frozen=True, kw_only=True)
class Gradient:
    """AdamW on the weighted sum of a model's named losses, with linear warm-up and cosine decay.

    Raises ValueError for figures that cannot be meant.
    """

    weights: Mapping[str, float]  # of the losses by name; names must equal those of the model exactly
    batch_statistics: tuple[str, ...] = ()  # losses of shape [] (SIGReg, VQ); all others are "B"
    steps: int  # optimiser steps
    batch: int = 64  # windows per step, over all processes
    learning_rate: float = 3e-4  # at the end of the warm-up
    final_learning_rate: float = 0.1  # fraction of it that the cosine ends at
    warmup: int = 100  # steps of linear rise
    weight_decay: float = 0.01  # on tensors of two and more axes; vectors (biases, norms) are not decayed, but stacks of them are
    factors: Mapping[str, float] = field(default_factory=dict)  # of the learning rate, by submodule; 1 elsewhere
    betas: tuple[float, float] = (0.9, 0.999)  # memory of the first and second moment
    clip: float | None = 1.0  # largest gradient norm; None = only measured
    average: float | None = None  # decay of the exponential moving average of the weights (EMA), or None
    precision: Literal["fp32", "bf16"] = "fp32"  # bf16: autocast where the machine has it, the weights stay in fp32
    past: int = 1  # T model steps before the prediction
    horizon: int = 1  # H steps after them
    stride: int = 1  # recorded frames from one window to the next
    edges: bool = False  # also windows that overhang an episode's ends, masked there
    unlabelled: bool = False  # also windows of episodes whose actions nobody recorded (`Actions.labelled`); its model must know of them
    labelled: float = 0.0  # beside those: least share of windows whose actions are known, see `WindowDataset`
    meters: int = 100  # steps from one look at the model's own figures to the next, where it has them (`Meters`)

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in ("steps", "batch", "past", "horizon", "stride", "meters")}
        if wrong := {name: value for name, value in counts.items() if value < 1}:
            raise ValueError(f"Gradient needs at least 1 of each, got {wrong}.")
        if unknown := set(self.batch_statistics) - self.weights.keys():
            raise ValueError(f"batch_statistics names {sorted(unknown)}, the weighted losses are {sorted(self.weights)}.")
        if not self.weights or not any(self.weights.values()):
            raise ValueError(f"no loss has a weight other than 0, there is nothing to learn from: weights = {dict(self.weights)}.")


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Runs `model.fit(episodes, noise=...)` to its end. It has no inner checkpoints: a stopped fit starts again."""


@dataclass(frozen=True, kw_only=True)
class Online:
    """Acts and learns by turns. A round: one episode in each of several worlds, then gradient steps on all episodes so far.

    The learner's steps are spread evenly over the rounds, from the last random one on. Raises ValueError for figures that cannot be meant.
    """

    learner: Gradient  # its steps are those of all rounds together
    rounds: int  # of acting, the random ones included
    worlds: int = 1  # acted in at once
    random: int = 1  # first rounds, in which actions are random
    look: int = 10  # rounds from one evaluation to the next; the last round ends with one
    judged: int = 10  # episodes of an evaluation, from evaluation seeds

    def __post_init__(self) -> None:
        counts = {name: getattr(self, name) for name in ("rounds", "worlds", "random", "look", "judged")}
        if wrong := {name: value for name, value in counts.items() if value < 1}:
            raise ValueError(f"Online needs at least 1 of each, got {wrong}.")
        if self.random > self.rounds:
            raise ValueError(f"{self.random} random rounds of {self.rounds} in all: nothing would ever be done on purpose. Lower random or raise rounds.")
        if self.learner.steps < (learning := self.rounds - self.random + 1):
            raise ValueError(
                f"{self.learner.steps} gradient steps for {learning} rounds of learning, expected one a round or more. Raise steps or lower rounds."
            )

    def steps_after(self, rounds: int) -> int:
        """Gradient steps that are done when so many rounds are over."""
        learning, all_learning = rounds - self.random + 1, self.rounds - self.random + 1
        return round(self.learner.steps * max(0, learning) / all_learning)


Derive = Callable[[nn.Module, Windows, Path], Windows]


@dataclass(frozen=True)
class Stage:
    """One step of a recipe's training.

    `derives(model, windows, folder)` makes this stage's windows from the recorded ones with the model as the stage found it:
    encoded latents, inferred actions. It may keep files in the run's folder, and set buffers of the model (moments of its
    features). It must be deterministic, since a resumed stage derives again; several processes derive each for itself.
    """

    name: str  # letters, digits, "_" and "-": it names a folder
    learner: Gradient | Fit | Online
    after: tuple[str, ...] = ()  # stages that must have ended
    parts: tuple[str, ...] = ()  # submodules whose own loss or fit is called, losses named "part.loss"; () = the model itself
    frozen: tuple[str, ...] = ()  # submodules that keep their weights and run in eval mode
    derives: Derive | None = None

    def __post_init__(self) -> None:
        if not self.name or not all(letter.isalnum() or letter in "_-" for letter in self.name):
            raise ValueError(f"stage name {self.name!r}: it names a folder, use letters, digits, '_' and '-'.")


def in_order(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The stages so that each comes after those it needs, otherwise as given. ValueError for unknown names and circles."""
    names = [stage.name for stage in stages]
    if len(set(names)) != len(names):
        raise ValueError(f"stage names must differ, got {names}.")
    for stage in stages:
        if unknown := set(stage.after) - set(names):
            raise ValueError(f"stage {stage.name!r} comes after {sorted(unknown)}, the stages are {names}.")
    ordered: list[Stage] = []
    waiting = list(stages)
    while waiting:
        done = {stage.name for stage in ordered}
        ready = next((stage for stage in waiting if done.issuperset(stage.after)), None)
        if ready is None:
            raise ValueError(f"stages {[stage.name for stage in waiting]} wait for each other: `after` must not go in a circle.")
        ordered.append(ready)
        waiting.remove(ready)
    return tuple(ordered)


def describe(stage: Stage) -> dict[str, object]:
    """JSON-ready: what a resumed run must agree with."""
    learner = {"kind": type(stage.learner).__name__, **dataclasses.asdict(stage.learner)}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in learner.items()}
    return {"name": stage.name, "parts": list(stage.parts), "frozen": list(stage.frozen), "learner": plain}
