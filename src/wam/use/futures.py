"""Futures that nothing had to learn, grounded like those of a video model: what an expert would do next, and nothing at all.

    oracle = OracleFuture(live, PushWorld(50), expert, steps=4)      # the simulator says what the expert would bring about
    policy = GroundedFuture(oracle, run.model.grounder, observes=..., acts=..., execute=2, rate=...)

`OracleFuture` is the ceiling of imagine-then-execute: with it, what is left of the gap to the expert is the grounder's. `ZeroFuture`, the
present frame again and again, is its floor: what the grounder does by itself. Both see the true world's pictures only.
Knows: snapshots, clocks.   Does not know: what the task is, how a grounder reads actions off frames.
Footguns: the oracle looks at the live world itself, not at the frames that it is given: act in that world. Its expert begins anew with every
decision, so it must not need a memory of its own.
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
    SpecError,
    Task,
    concatenate,
    to_float,
)


class Foresees(Protocol):
    """Pictures of the H model steps that follow; as floats 0 .. 1."""

    steps: int  # H

    def __call__(self, since: Past, task: Task, noise: Noise | None) -> Future: ...


class OracleFuture:
    """What an expert would do next in `live`, tried out in `shadow`, whose snapshots are the same; `live` stays as it is.

    `expert` acts in `shadow` and reads it. `shadow` may run at a faster clock; frames are those of `live`'s. SpecError for clocks that do not fit.
    """

    def __init__(self, live: Env, shadow: Env, expert: Policy[Any], *, steps: int) -> None:
        self.live, self.shadow, self.expert, self.steps = live, shadow, expert, steps
        self.every = round(shadow.spec.rate / live.spec.rate)
        if abs(self.every * live.spec.rate - shadow.spec.rate) > 1e-6 * shadow.spec.rate or expert.spec.execute != 1:
            raise SpecError(
                f"the shadow runs at {shadow.spec.rate} Hz beside a live world of {live.spec.rate} Hz, its expert executes {expert.spec.execute} at once. "
                "Expected a whole multiple, and an expert that decides at every step."
            )

    def __call__(self, since: Past, task: Task, noise: Noise | None) -> Future:
        """The frames that the expert brings about."""
        snapshot = self.live.save()
        self.shadow.restore(snapshot)
        memory, seen = self.expert.begin(self.shadow.batch, task), list[Observation]()
        last = since.observation.narrow("T", -1)
        past = Past(observation=last, actions=self.shadow.spec.acts.nothing(self.shadow.batch, 1, last.device))
        for _ in range(self.steps * self.every):
            memory, actions = self.expert.act(memory, past, noise=noise)
            outcome = self.shadow.step(actions.narrow("T", 0, 1))
            past = Past(observation=outcome.observation, actions=actions.narrow("T", 0, 1))
            seen.append(pictures(outcome.observation))
            noise = None if noise is None else noise.advance(1)
        return Future(observation=concatenate(seen[self.every - 1 :: self.every], "T"))


class ZeroFuture:
    """The present frame, `steps` times: nothing will happen."""

    def __init__(self, *, steps: int) -> None:
        self.steps = steps

    def __call__(self, since: Past, task: Task, noise: Noise | None) -> Future:
        """Copies of the last frame seen."""
        now = pictures(since.observation.narrow("T", -1))
        return Future(observation=concatenate([now] * self.steps, "T"))


class GroundedFuture(Imagines[Task]):
    """A policy: foresee, ground, execute the first `execute` of what the grounder gives. Its memory is the task."""

    def __init__(self, foresees: Foresees, grounder: Grounder, *, observes: ObservationSpec, acts: ActionSpec, execute: int, rate: float) -> None:
        self.foresees, self.grounder = foresees, grounder
        self.spec = PolicySpec(observes=observes, acts=acts, chunk=foresees.steps, execute=execute, rate=rate)

    def begin(self, batch: int, task: Task) -> Task:
        """The task."""
        return task

    @torch.no_grad()
    def act(self, memory: Task, since: Past, *, noise: Noise | None = None) -> tuple[Task, Actions]:
        """Actions that should bring about what is foreseen."""
        future = self.imagine(memory, since, noise=noise)
        return memory, self.grounder.ground(since, future, memory, noise=None if noise is None else noise.fork("ground"))

    @torch.no_grad()
    def imagine(self, memory: Task, since: Past, *, noise: Noise | None = None) -> Future:
        """What is foreseen."""
        return self.foresees(since, memory, None if noise is None else noise.fork("foresee"))


def pictures(observation: Observation) -> Observation:
    """What cameras show, as floats 0 .. 1. SpecError where they show nothing."""
    if not observation.rgb:
        raise SpecError("futures are grounded in pictures, and this world shows none. Choose one with cameras.")
    return Observation(rgb={name: to_float(frames) for name, frames in observation.rgb.items()})
