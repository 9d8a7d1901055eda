"""Futures that nothing had to learn, grounded like those of a video model: what an expert would do next, and nothing at all.

    oracle = OracleFuture(live, PushWorld(50), expert, steps=4, execute=2)      # the simulator says what the expert would bring about
    policy = GroundedFuture(oracle, run.model.grounder, observes=..., acts=..., rate=...)

`OracleFuture` is the ceiling of imagine-then-execute: with it, what is left of the gap to the expert is the grounder's. `ZeroFuture`, the
present frame again and again, is its floor: what the grounder does by itself. Both see the true world's pictures only.
Knows: snapshots, clocks.   Does not know: what the task is, how a grounder reads actions off frames.
Footguns: the oracle looks at the live world itself, not at the frames that it is given: act in that world. Its expert goes on from what it
remembers after the steps that are executed, as if those had brought about what it wanted.
"""

from typing import Any, Protocol

import torch

from wam.world import (
    Actions,
    ActionSpec,
    Env,
    Future,
    Grounder,
    Imagines,
    Noise,
    Observation,
    ObservationSpec,
    Past,
    Policy,
    PolicySpec,
    Record,
    SpecError,
    Task,
    concatenate,
    record,
    to_float,
)


class Foresees(Protocol):
    """Pictures of the H model steps that follow; as floats 0 .. 1."""

    steps: int  # H
    execute: int  # of them, before it is asked again

    def begin(self, batch: int, task: Task) -> Record: ...

    def __call__(self, memory: Any, since: Past, task: Task, noise: Noise | None) -> tuple[Record, Future]: ...


class OracleFuture:
    """What an expert would do next in `live`, tried out in `shadow`, whose snapshots are the same; `live` stays as it is.

    `expert` acts in `shadow` and reads it. `shadow` may run at a faster clock; frames are those of `live`'s. SpecError for clocks that do not fit.
    """

    def __init__(self, live: Env, shadow: Env, expert: Policy[Any], *, steps: int, execute: int) -> None:
        self.live, self.shadow, self.expert, self.steps, self.execute = live, shadow, expert, steps, execute
        self.every = round(shadow.spec.rate / live.spec.rate)
        if abs(self.every * live.spec.rate - shadow.spec.rate) > 1e-6 * shadow.spec.rate or expert.spec.execute != 1:
            raise SpecError(
                f"the shadow runs at {shadow.spec.rate} Hz beside a live world of {live.spec.rate} Hz, its expert executes {expert.spec.execute} at once. "
                "Expected a whole multiple, and an expert that decides at every step."
            )

    def begin(self, batch: int, task: Task) -> Record:
        """The expert's memory."""
        memory: Record = self.expert.begin(batch, task)
        return memory

    def __call__(self, memory: Any, since: Past, task: Task, noise: Noise | None) -> tuple[Record, Future]:
        """The expert's memory after the executed steps, and the frames that it brings about."""
        snapshot = self.live.save()
        self.shadow.restore(snapshot)
        seen, kept = list[Observation](), memory
        last = since.observation.narrow("T", -1)
        past = Past(observation=last, actions=self.shadow.spec.acts.nothing(self.shadow.batch, 1, last.device))
        for step in range(self.steps * self.every):
            memory, actions = self.expert.act(memory, past, noise=noise)
            kept = memory if step < self.execute * self.every else kept
            outcome = self.shadow.step(actions.narrow("T", 0, 1))
            past = Past(observation=outcome.observation, actions=actions.narrow("T", 0, 1))
            seen.append(pictures(outcome.observation).to(last.device))  # a shadow may compute elsewhere
            noise = None if noise is None else noise.advance(1)
        return kept, Future(observation=concatenate(seen[self.every - 1 :: self.every], "T"))


class ZeroFuture:
    """The present frame, `steps` times: nothing will happen."""

    def __init__(self, *, steps: int, execute: int) -> None:
        self.steps, self.execute = steps, execute

    def begin(self, batch: int, task: Task) -> Record:
        """Nothing has to be remembered; the task stands for that."""
        return task

    def __call__(self, memory: Record, since: Past, task: Task, noise: Noise | None) -> tuple[Record, Future]:
        """Copies of the last frame seen."""
        now = pictures(since.observation.narrow("T", -1))
        return memory, Future(observation=concatenate([now] * self.steps, "T"))


@record
class Foreseeing(Record):
    """The task, and what foresight remembers."""

    task: Task
    inner: Record


class GroundedFuture(Imagines[Foreseeing]):
    """A policy: foresee, ground, execute the first steps of what the grounder gives, as many as foresight expects."""

    def __init__(self, foresees: Foresees, grounder: Grounder, *, observes: ObservationSpec, acts: ActionSpec, rate: float) -> None:
        self.foresees, self.grounder = foresees, grounder
        self.spec = PolicySpec(observes=observes, acts=acts, chunk=foresees.steps, execute=foresees.execute, rate=rate)

    def begin(self, batch: int, task: Task) -> Foreseeing:
        """Nothing foreseen yet."""
        return Foreseeing(task=task, inner=self.foresees.begin(batch, task))

    @torch.no_grad()
    def act(self, memory: Foreseeing, since: Past, *, noise: Noise | None = None) -> tuple[Foreseeing, Actions]:
        """Actions that should bring about what is foreseen."""
        inner, future = self._foresee(memory, since, noise)
        actions = self.grounder.ground(since, future, memory.task, noise=None if noise is None else noise.fork("ground"))
        return Foreseeing(task=memory.task, inner=inner), actions

    @torch.no_grad()
    def imagine(self, memory: Foreseeing, since: Past, *, noise: Noise | None = None) -> Future:
        """What is foreseen."""
        return self._foresee(memory, since, noise)[1]

    def _foresee(self, memory: Foreseeing, since: Past, noise: Noise | None) -> tuple[Record, Future]:
        return self.foresees(memory.inner, since, memory.task, None if noise is None else noise.fork("foresee"))


def pictures(observation: Observation) -> Observation:
    """What cameras show, as floats 0 .. 1. SpecError where they show nothing."""
    if not observation.rgb:
        raise SpecError("futures are grounded in pictures, and this world shows none. Choose one with cameras.")
    return Observation(rgb={name: to_float(frames) for name, frames in observation.rgb.items()})
