"""Figures of training steps: kept on the device, and now and then fetched, checked and written."""

import time

import torch
from jaxtyping import Float
from torch import Tensor

from wam.train.checkpoint import stored
from wam.train.log import Line
from wam.train.order import Draws, Order
from wam.train.session import Session
from wam.train.stage import Gradient

STEPS, SECONDS = 10, 1.0  # figures are written after so many steps; alone, also after so much time


class Meter:
    """The figures of one gradient stage. A checkpoint is only taken after `write`, so never of weights that are not finite."""

    def __init__(self, session: Session, index: int, learner: Gradient, order: Order | Draws):
        self.session, self.index, self.learner, self.order = session, index, learner, order
        self.stage = session.stages[index].name
        self.steps: list[tuple[int, float, dict[str, float] | None]] = []
        self.figures: list[Tensor] = []
        self.waited, self.since = 0.0, time.perf_counter()

    def begin(self) -> None:
        """Learning goes on now: what was done meanwhile is no time of it."""
        self.since = time.perf_counter()

    def add(self, done: int, means: Float[Tensor, "L"], norm: Float[Tensor, ""], rate: float, waited: float, meters: dict[str, float] | None) -> bool:
        """Take the figures of step `done`, which waited so many seconds for data. True when the run is to stop here."""
        self.steps.append((done, rate, meters))
        self.figures.append(torch.cat([means, norm[None]]))
        self.waited += waited
        team, wish = self.session.team, self.session.wish
        due = len(self.steps) >= STEPS or (team.count == 1 and (wish.asked or time.perf_counter() - self.since > SECONDS))
        return self.write() if due else False

    def write(self) -> bool:
        """Log what was collected. True when the run is to stop here. FloatingPointError for the first figure that is not finite."""
        if self.steps:
            self._write()
        return self.session.team.agree(self.session.wish.asked)

    def _write(self) -> None:
        fetched = self.session.team.mean(torch.stack(self.figures)).tolist()
        seconds = time.perf_counter() - self.since
        speed, share = len(self.steps) * self.learner.batch / seconds, self.waited / seconds
        lines: list[Line] = []
        for (done, rate, meters), (*losses, norm) in zip(self.steps, fetched, strict=True):
            named = dict(zip(self.learner.weights, losses, strict=True))
            bad = {name: value for name, value in (*named.items(), ("the gradient norm", norm)) if not abs(value) < float("inf")}
            if bad:
                self.session.log.write(lines)
                raise FloatingPointError(self._diagnosis(done, bad))
            lines.append(
                Line(
                    stage=self.stage,
                    index=self.index,
                    step=done,
                    losses=named,
                    meters=meters,
                    learning_rate=rate,
                    gradient_norm=norm,
                    wait_share=share,
                    samples_per_second=speed,
                )
            )
        self.session.log.write(lines)
        self.steps, self.figures, self.waited, self.since = [], [], 0.0, time.perf_counter()

    def _diagnosis(self, done: int, bad: dict[str, float]) -> str:
        what = ", ".join(f"{name} = {value}" for name, value in bad.items())
        saved = "; the last checkpoint is from before" if stored(self.session.folder) else ""
        return (
            f"{what} in step {done} of stage {self.stage!r}, windows {self.order.indices(done - 1).tolist()}. "
            "NaN in the data (`wam data check SET` finds it), a learning rate that is too high, or a division by an empty mask are the usual causes. "
            f"Look at these windows, or lower learning_rate or clip{saved}."
        )
