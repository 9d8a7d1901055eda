"""One person's play: a model imagines on from a real frame, step by step, as keys are held. Knows no transport.

A command comes in, a `Frame` goes out, always one for one. Starts are real pasts of one row; a model that needs more frames than
a start has gets the first one repeated. With a world (`Env` of one row, at the model's clock) the truth runs along, driven by the
same actions; without one, truth is what was recorded, while the recorded actions are replayed. Pictures are uint8, "3 h w".

Drift is the PSNR (dB) of the imagined picture against the true one, on the pixels that changed since the last real frame that the
model saw; none where nothing changed. A model that predicts `chunk` steps at once takes the keys of the moment for all of them.
Everything stays on the device of the starts; the model must lie there too. Cost and memory of a step do not grow.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from wam.show.play.keys import levers
from wam.show.play.messages import Command, CommandError, Frame, Look, Pictures, Reset, Start, Step
from wam.show.play.shown import drifted, pictures, require_playable
from wam.world import Actions, Env, Noise, Past, Slot, SpecError, WorldModel, cameras_shown, concatenate, to_uint8

REMEMBERED = 16  # real frames kept to look at, at most
LATELY = 2.0  # s over which the rate is measured


class PlaySession:
    """See the module's docstring. `slots` replace the model's where those have no finite limits. SpecError for what cannot be played."""

    def __init__(
        self, model: WorldModel[Any], starts: Sequence[Start], *, world: Env | None = None, slots: tuple[Slot, ...] | None = None, seed: int = 0
    ) -> None:
        require_playable(model, world)
        if not starts:
            raise SpecError("there is no start to play from: pass at least one real frame.")
        for start in starts:
            model.spec.observes.require(start.past.observation, f"the start {start.name!r}")
        self.cameras = cameras_shown(model)
        self.model, self.starts, self.world, self.seed = model, tuple(starts), world, seed
        self.levers = levers(model.spec.consumes.low_level if slots is None else slots)
        self.device, self.chance, self.tries, self.start = starts[0].past.device, model.spec.stochastic, 0, 0
        self.times: deque[float] = deque(maxlen=1000)
        self.frame = self._reset(Reset())

    @torch.no_grad()
    def answer(self, command: Command) -> Frame:
        """Follow one command. CommandError where it cannot be followed."""
        if isinstance(command, Step):
            self.frame = self._step(command.keys)
        elif isinstance(command, Reset):
            self.frame = self._reset(command)
        elif isinstance(command, Look):
            self.frame = self._look()
        else:
            if command.on and not self.model.spec.stochastic:
                raise CommandError("this model has no chance in it, so none can be switched on.")
            self.chance = command.on
            self.frame = replace(self.frame, chance=self.chance)
        return self.frame

    # -- commands ----------------------------------------------------------------------------------------------------------

    @torch.no_grad()
    def _reset(self, command: Reset) -> Frame:
        number = self.start if command.start is None else command.start
        if not 0 <= number < len(self.starts):
            raise CommandError(f"start {number} was chosen, there are 0 to {len(self.starts) - 1}.")
        start = self.starts[number]
        if command.replay and start.recorded is None:
            raise CommandError(f"nothing was recorded after the start {start.name!r}, so nothing can be replayed. Drive it yourself.")
        if self.world is not None:
            self.world.reset(torch.ones(1, dtype=torch.bool), torch.tensor([start.seed]))
        self.start, self.tries, self.clock, self.over, self.replaying = number, self.tries + 1, 0, False, command.replay
        self.noise = Noise.of([self.seed + self.tries], self.device)
        self.past = start.past
        self._see()
        self.values = tuple(lever.rest(_known(start.past, index, lever.slot)) for index, lever in enumerate(self.levers))
        self.held = frozenset[str]()
        self.times.clear()
        return self._real()

    def _step(self, keys: frozenset[str]) -> Frame:
        if not self.waiting:
            if self.replaying and self.over:
                return self.frame
            self._imagine(keys)
        self.clock += 1
        return replace(self.waiting.popleft(), clock=self.clock, rate=self._rate(), chance=self.chance)

    def _look(self) -> Frame:
        if self.frame.truth is None or self.over:
            raise CommandError("there is no true frame to look at: none runs along, or it has ended. Reset instead.")
        self.clock += len(self.waiting)
        self._see()
        return self._real()

    # -- inside ------------------------------------------------------------------------------------------------------------

    def _rate(self) -> float:
        """Frames per second of late; a pause is forgotten with the second frame after it."""
        self.times.append(time.perf_counter())
        while len(self.times) > 2 and self.times[-1] - self.times[0] > LATELY:
            self.times.popleft()
        lasted = self.times[-1] - self.times[0]
        return (len(self.times) - 1) / lasted if lasted else 0.0

    def _see(self) -> None:
        """The model takes in the real frames up to now, and nothing else."""
        shown = _padded(self.past, self.model.spec.context[0])
        fresh = self.model.begin(1, self.starts[self.start].task)
        self.carry = self.model.observe(fresh, shown, noise=self.noise if self.chance else None)
        self.noise = self.noise.advance(shown.size("T"))
        rgb = self.past.observation.rgb or {}
        self.seen: Pictures = {name: to_uint8(rgb[name][0, -1]).cpu() for name in self.cameras}
        self.steps, self.waiting = 0, deque[Frame]()

    def _real(self) -> Frame:
        """A real frame, which is imagination and truth at once."""
        true = self.seen if self.world is not None or self.replaying else None
        return Frame(self.seen, true, self.start, 0, self.clock, 0.0, 0.0, None, self.values, replaying=self.replaying, chance=self.chance)

    def _imagine(self, keys: frozenset[str]) -> None:
        """As many steps as the model predicts at once, into `waiting`."""
        chunk = self.model.spec.chunk
        actions = self._recorded_actions() if self.replaying else self._driven(keys)
        began = time.perf_counter()
        self.carry, future = self.model.predict(self.carry, actions, noise=self.noise if self.chance else None)
        imagined = pictures(self.model, future)
        milliseconds = 1000 * (time.perf_counter() - began) / chunk
        self.noise = self.noise.advance(chunk)
        ended = self.over
        truth = self._truth(actions)
        for index in range(chunk):
            picture = {name: imagined[name][index] for name in self.cameras}
            true = {name: rgb[index] for name, rgb in truth.items()} if truth is not None else None
            drift = None if true is None or ended else drifted(picture, true, self.seen)
            self.steps += 1
            over = self.over and index == chunk - 1
            self.waiting.append(Frame(picture, true, self.start, self.steps, 0, milliseconds, 0.0, drift, self.values, over, self.replaying))

    def _driven(self, keys: frozenset[str]) -> Actions:
        """What the keys say, for one chunk."""
        self.values = tuple(lever.pull(value, keys, self.held) for lever, value in zip(self.levers, self.values, strict=True))
        self.held = keys
        rows = (1, self.model.spec.chunk, self.model.spec.consumes.per_step)
        low_level = torch.tensor(self.values, device=self.device).expand(*rows, -1) if self.levers else None
        return Actions(valid=torch.ones(rows, dtype=torch.bool, device=self.device), low_level=low_level)

    def _recorded_actions(self) -> Actions:
        recorded = self.starts[self.start].recorded
        assert recorded is not None
        actions = recorded.actions.narrow("T", self.clock, self.clock + self.model.spec.chunk)
        if not self.levers:
            return replace(actions, low_level=None)
        assert actions.low_level is not None
        self.values = tuple(actions.low_level[0, -1, -1].tolist())
        return actions

    def _truth(self, actions: Actions) -> dict[str, UInt8[Tensor, "H 3 h w"]] | None:
        """What really happens then, camera by camera; remembered as what could be looked at."""
        if self.world is not None:
            outcome = self.world.step(actions)
            now, self.over = Past(observation=outcome.observation, actions=actions), self.over or not bool(outcome.alive.all())
        elif self.replaying:
            recorded, end = self.starts[self.start].recorded, self.clock + actions.size("T")
            assert recorded is not None
            now = recorded.narrow("T", self.clock, end)
            self.over = end + actions.size("T") > recorded.size("T")
        else:
            return None
        most = min(self.model.spec.context[1], REMEMBERED)
        past = concatenate([self.past, now], "T")
        self.past = _begun(past.narrow("T", max(0, past.size("T") - most)))
        rgb = now.observation.rgb or {}
        return {name: to_uint8(rgb[name][0]).cpu() for name in self.cameras}


def _padded(past: Past, fewest: int) -> Past:
    """At least so many frames: the first one repeated, its action not valid."""
    first = _begun(past.narrow("T", 0, 1))
    return concatenate([*[first] * (fewest - past.size("T")), _begun(past)], "T")


def _begun(past: Past) -> Past:
    """The same frames; nothing counts before the first."""
    valid = past.actions.valid.clone()
    valid[:, 0] = False
    return replace(past, actions=replace(past.actions, valid=valid))


def _known(past: Past, index: int, slot: Slot) -> float | None:
    """Where an absolute slot stood last, if anything was done."""
    done = past.actions.valid[0].any(-1)
    if past.actions.low_level is None or not bool(done[-1]):
        return None
    return float(past.actions.low_level[0, -1, -1, index])
