"""A world model under test: begin, observe, predict, observe, predict."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from wam.check import samples
from wam.check.subject import FRAMES, ROWS, Script, Subject, distinct
from wam.world import Actions, Future, Noise, Past, Record, Task, Window, WorldModelSpec
from wam.world.states import sample_state


@dataclass(frozen=True, kw_only=True)
class WorldModelSubject(Subject):
    """A world model with inputs drawn from its spec."""

    @property
    def spec(self) -> WorldModelSpec:
        """What the model promises."""
        spec: WorldModelSpec = self.model.spec
        return spec

    @property
    def frames(self) -> int:
        """T of a first look: one more than the context, within reason."""
        fewest, most = self.spec.context
        return distinct(max(fewest, min(most + 1, FRAMES)))

    @property
    def horizon(self) -> int:
        """H of a prediction: at least four steps and two chunks."""
        steps = self.spec.chunk * max(2, math.ceil(4 / self.spec.chunk))
        return steps + self.spec.chunk if steps == ROWS else steps

    @property
    def tries(self) -> int:
        """Other actions that are tried before "nothing changes" is believed: a random skill is rarely applicable."""
        return 32 if self.spec.consumes.skills else 4

    def noise(self, seed: int, batch: int = ROWS) -> Noise:
        """A sequence per row."""
        return samples.noise(seed, batch, self.device)

    def task(self, seed: int, batch: int = ROWS) -> Task:
        """A task that fits the spec."""
        return self.spec.sample_task(batch, self.noise(seed, batch))

    def past(self, seed: int, steps: int, batch: int = ROWS, *, first: bool = True) -> Past:
        """Frames and the actions that led to them."""
        return samples.past(self.spec.observes, self.spec.consumes, steps, self.noise(seed, batch), first=first)

    def actions(self, seed: int, steps: int | None = None, batch: int = ROWS) -> Actions:
        """Actions to predict with."""
        return self.spec.consumes.sample(batch, self.horizon if steps is None else steps, self.noise(seed, batch).fork("future"))

    def script(self, seed: int, batch: int = ROWS) -> Script:
        return Script(
            task=self.task(seed, batch),
            first=self.past(seed, self.frames, batch),
            second=self.past(seed + 100, self.spec.context[0] + 1, batch, first=False),
            actions=self.actions(seed, batch=batch),
            again=self.actions(seed + 100, batch=batch),
            noise=self.noise(seed, batch),
        )

    def play(self, model: Any, script: Script, *, noisy: bool = True) -> Iterator[tuple[str, Record]]:
        stream = {name: script.noise.fork(name) if noisy else None for name in ("look", "imagine", "look again", "imagine again")}
        carry = model.begin(script.noise.size("B"), script.task)
        yield "the carry of begin", carry
        carry = model.observe(carry, script.first, noise=stream["look"])
        yield "the carry of observe", carry
        carry, future = model.predict(carry, script.actions, noise=stream["imagine"])
        yield "the carry of predict", carry
        yield "the future", future
        carry = model.observe(carry, script.second, noise=stream["look again"])
        yield "the carry of the second observe", carry
        carry, future = model.predict(carry, script.again, noise=stream["imagine again"])
        yield "the carry of the second predict", carry
        yield "the second future", future

    def looked(self, seed: int, batch: int = ROWS, dtype: torch.dtype | None = None) -> Any:
        """The carry after begin and one look. `dtype`: of floating inputs; None = as they are."""
        carry = self.model.begin(batch, self.task(seed, batch).to(dtype=dtype))
        with torch.no_grad():
            return self.model.observe(carry, self.past(seed, self.frames, batch).to(dtype=dtype), noise=self.noise(seed, batch).fork("look"))

    def imagine(self, carry: Any, actions: Actions, noise: Noise | None) -> tuple[Any, Future]:
        """Predict without gradient."""
        with torch.no_grad():
            carry, future = self.model.predict(carry, actions, noise=noise)
        return carry, future

    def random_window(self, seed: int) -> Window:
        spec, steps = self.spec, self.horizon
        noise, ahead = self.noise(seed), self.noise(seed).fork("ahead")
        state = samples.recorded_state(spec.predicts)
        future = Future(
            observation=samples.union(spec.observes, spec.predicts.observation).sample(ROWS, steps, ahead),
            state=None if state is None else sample_state(state, ROWS, steps, ahead),
            reward=ahead.normal(steps) if spec.predicts.reward else None,
            alive=torch.ones(ROWS, steps, device=self.device) if spec.predicts.alive else None,
        )
        return Window(
            past=self.past(seed, self.frames),
            actions=self.actions(seed),
            future=future,
            valid=torch.ones(ROWS, steps, dtype=torch.bool, device=self.device),
            task=self.task(seed),
            truth=samples.truth(state, self.frames + steps, noise),
        )
