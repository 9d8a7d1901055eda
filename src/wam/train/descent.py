"""Gradient steps of one stage: optimiser, schedule, running average, figures, checkpoints on the way.

Knows: windows and the order in which they are seen.   Does not know: where windows come from, whether there will be more.
"""

from contextlib import closing

import torch
from torch import Tensor, nn

from wam.plan.control.precision import autocast
from wam.train.checkpoint import Checkpoint, CheckpointError
from wam.train.loss import Losses, weighted
from wam.train.meter import Meter
from wam.train.optimise import Average, Parameters, adamw, learning_rate, moments, set_moments
from wam.train.order import Draws, Order, reseed, seed_from
from wam.train.parts import learners, measure
from wam.train.prefetch import ahead
from wam.train.session import Session
from wam.train.stage import Gradient
from wam.world import Noise, Window, Windows


class Descent:
    """A model that learns by gradient in stage `index`. Use it inside `parts.learning`, which says what learns."""

    def __init__(self, session: Session, model: nn.Module, index: int, learner: Gradient, parameters: Parameters, order: Order | Draws) -> None:
        stage, team = session.stages[index], session.team
        if learner.batch % team.count:
            raise ValueError(f"a batch of {learner.batch} windows cannot be shared by {team.count} processes. Use a multiple of {team.count}.")
        if not parameters:
            raise ValueError(f"stage {stage.name!r} has nothing to train: parts {stage.parts or '(all)'}, frozen {stage.frozen}.")
        self.session, self.model, self.index, self.learner, self.parameters, self.order = session, model, index, learner, parameters, order
        self.stage, self.done, self.share = stage, 0, learner.batch // team.count
        self.optimiser = adamw(learner, parameters)
        self.average = Average(learner.average, parameters) if learner.average is not None else None
        self.learners = learners(model, stage)
        self.losses = team.wrap(Losses(self.learners))
        self.meter = Meter(session, index, learner, order)
        if team.count > 1 and learner.batch_statistics:
            names = ", ".join(learner.batch_statistics)
            session.log.say(f"{names}: each process takes the statistic of its own {self.share} windows of {learner.batch}; gradients are averaged.")

    def resume(self, resumed: Checkpoint, windows: int) -> None:
        """Put everything back as it was. CheckpointError where it learned from another number of windows."""
        if windows != resumed.place.windows:
            raise CheckpointError(f"the run learned from {resumed.place.windows} windows, now there are {windows}. The data changed: start a new run.")
        resumed.restore(self.model, averaged=False)
        set_moments(self.optimiser, self.parameters, resumed.optimiser or {})
        if self.average is not None and resumed.average is not None:
            self.average.restore(resumed.average)
        self.done = resumed.place.step

    def descend(self, windows: Windows, until: int) -> None:
        """Steps until so many are done in all. Saves on the way; leaves the run where that was asked for, but not after the last of these steps."""
        first = self.session.team.index * self.share
        self.meter.begin()

        def batch(step: int) -> tuple[Window, Noise]:
            device = self.session.team.device
            indices = self.order.indices(step)[first : first + self.share]
            return windows.batch(indices).to(device), self.order.noise(step, first, first + self.share).to(device)

        with closing(ahead(batch, self.done, until)) as batches:
            for (window, noise), waited in batches:
                stopping = self._step(window, noise, waited)
                if self.done < until and (stopping or self.done % self.session.save_every == 0) and self.save(len(windows)):
                    self.session.leave(self.stage, f"step {self.done} of {self.learner.steps} is done and saved")
        self.meter.write()

    def save(self, windows: int, *, ended: bool = False) -> bool:
        """A checkpoint of what is done so far, learned from so many windows. True when the run is to stop here."""
        stopping = self.meter.write()
        place = self.session.place(self.index, self.done, ended=ended, position=self.done * self.learner.batch, windows=windows)
        average = self.average.state(self.model) if self.average is not None else None
        self.session.save(self.model, place, average, moments(self.optimiser, self.parameters))
        return stopping

    def finish(self) -> None:
        """The model takes its averaged weights, where an average was kept."""
        if self.average is not None:
            self.average.apply()

    def _step(self, window: Window, noise: Noise, waited: float) -> bool:
        """One optimiser step. True when the run is to stop."""
        learner, team, step = self.learner, self.session.team, self.done
        reseed(seed_from("torch", self.session.seed, self.stage.name, step, team.index), team.device)
        rate = learning_rate(learner, step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        with autocast(team.device, bf16=learner.precision == "bf16"):
            named = self.losses(window, noise)
        total, means = weighted(named, learner, self.share)
        self.optimiser.zero_grad()
        total.backward()
        norm = clip(self.parameters, learner.clip)
        self.optimiser.step()
        if self.average is not None:
            self.average.update(step)
        self.done += 1
        meters = measure(self.learners, window) or None if self.done % learner.meters == 0 else None
        return self.meter.add(self.done, means, norm, rate, waited, meters)


def clip(parameters: Parameters, largest: float | None) -> Tensor:
    """The norm of all gradients, before they are scaled down to the largest allowed."""
    norm = torch.nn.utils.get_total_norm([parameter.grad for parameter in parameters.values() if parameter.grad is not None])
    if largest is not None:
        torch.nn.utils.clip_grads_with_norm_(list(parameters.values()), largest, norm)
    return norm.detach()
