"""One client's conversation with a policy: a memory of its own, what was executed, one answer per message.

A message shows what the table of `Keys` names. Beside it may stand, and existing clients send none of these:

- `reset` (true): begin anew. A first message and another prompt do so too. Alone it is only acknowledged.
- `executed` (E*R, A): the E steps, R actions each, that were executed since the last message, in physical units, the last one
  leading to the last frame; `executed_valid` (E*R,) bool marks those that really were (all by default). Whoever holds still
  executes something too and says so. Empty: nothing was done, and a new stretch begins.
- `noise` {seed, step, stream}: the chance to act with, else the server's own. That goes on with every step that went by, executed
  or held, and with every beginning, so no two answers have the same.
- `sequence`: a number that comes back with the answer.

Without `executed` the server assumes that the first n = `execute` steps of its last answer were executed, within their limits.
With one frame for E > 1 steps, the last frame is held until it: what was in between was not seen. That is exact for policies that
look at the last frame only; send all T = E frames to the others. Where it begins anew without `executed`, nothing was done, and of
several frames only the last one counts: those before it belong to what is over.

The answer is {"actions": (K*R, A) float32, "valid": (K*R,) bool, ...}; rows follow each other at `rate` * R Hz. A row that is not
valid is not to be executed; for clients that do not read the mask (they send no `executed_valid`) it stands still.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from wam.serve.keys import GOAL, Keys, RequestError, finite, require_unit
from wam.serve.limits import Limits
from wam.world import Actions, Noise, Observation, Past, Policy, Record, Task, concatenate

ALONE = {"reset", "sequence"}  # a message of these is only acknowledged
SEEDS = {"seed": (-(2**63), 2**63), "step": (0, 2**62), "stream": (0, 2**64)}


class Session:
    """The memory of one client."""

    def __init__(self, policy: Policy[Any], keys: Keys, limits: Limits, *, seed: int = 0, device: str = "cpu") -> None:
        """`keys` must fit the policy (`Keys.require_fit`). `seed`: of this client's chance. `device`: where the policy computes."""
        self.policy, self.spec, self.keys, self.limits, self.device = policy, policy.spec, keys, limits, device
        self.memory: Record | None = None
        self.instruction: int | None = None
        self.last: Observation | None = None  # the frame seen last
        self.given: Actions | None = None  # assumed to be executed, unless the client says what was
        self.chance = Noise.of([seed], device)

    @torch.no_grad()
    def answer(self, message: object) -> dict[str, object]:
        """The reply. RequestError where the message cannot be answered: the conversation is over then."""
        if not isinstance(message, dict):
            raise RequestError(f"the message is a {type(message).__name__}, expected a dict of inputs. The metadata lists them.")
        reset, sequence = message.get("reset", False), message.get("sequence", 0)
        if not isinstance(reset, bool | np.bool_) or not isinstance(sequence, int):
            raise RequestError(f"'reset' is {reset!r} and 'sequence' is {sequence!r}, expected a boolean and a whole number.")
        echo = {"sequence": sequence} if "sequence" in message else {}
        fresh = self.memory is None or bool(reset)
        if fresh and not self.keys.asks(message):
            if not reset or message.keys() - ALONE:
                raise RequestError(f"the message has none of the inputs {[*self.keys.cameras, *self.keys.proprio]}, only {sorted(map(str, message))[:12]}.")
            self.memory = None
            return {"reset": True, **echo}
        instruction = self.keys.instruction(message, self.spec)
        fresh = fresh or instruction != self.instruction
        frames = self.keys.observation(message, self.spec.observes, most=self.limits.frames).to(self.device)
        since = self._since(message, frames, fresh)
        noise = self._noise(message, since)
        memory = self._begin(message, instruction) if fresh or self.memory is None else self.memory
        self.memory, actions = self.policy.act(memory, since, noise=noise)
        self.instruction, self.last = instruction, frames.narrow("T", -1)
        return {**self._told(actions, since, masked="executed_valid" in message), **echo}

    def _begin(self, message: Mapping[str, object], instruction: int | None) -> Record:
        goal = self.keys.goal(message, self.spec.observes)
        if goal is not None and not self.spec.goal_conditioned:
            raise RequestError("a goal came, and this policy reads none: it would be left aside. Leave out the keys that begin with 'goal/'.")
        if goal is None and self.spec.goal_conditioned:
            inputs = [GOAL + key for key in (*self.keys.cameras, *self.keys.proprio)]
            raise RequestError(f"no goal came, and this policy needs one: send {inputs}, one or more of them, with the first message of an episode.")
        told = None if instruction is None else torch.tensor([instruction], device=self.device)
        begun: Record = self.policy.begin(1, Task(instruction=told, goal=None if goal is None else goal.to(self.device)))
        return begun

    def _since(self, message: Mapping[str, object], frames: Observation, fresh: bool) -> Past:
        """What was seen and done since the last message."""
        if not fresh and any(key.startswith(GOAL) for key in message if isinstance(key, str)):
            raise RequestError("a goal came in the middle of an episode. Send it with the first message, or with reset = True.")
        if "executed" in message:
            actions = self._executed(message)
        elif fresh or self.given is None:
            frames, actions = frames.narrow("T", -1), self.spec.acts.nothing(1, 1, self.device)
        else:
            actions = self.given
        seen, done = frames.size("T"), actions.size("T")
        if seen == done:
            return Past(observation=frames, actions=actions)
        if seen != 1:
            raise RequestError(f"the message shows {seen} instants for {done} executed steps. Send the frame after each step, or the last one alone.")
        before = [frames if fresh or self.last is None else self.last] * (done - 1)
        return Past(observation=concatenate([*before, frames], "T"), actions=actions)

    def _executed(self, message: Mapping[str, object]) -> Actions:
        """The actions that the client says it executed; one that was not, where it says that there were none."""
        rows, per_step, size = message["executed"], self.spec.acts.per_step, len(self.spec.acts.low_level)
        most = self.limits.frames
        if not isinstance(rows, np.ndarray) or rows.dtype.kind not in "iuf" or rows.ndim != 2 or rows.shape[1] != size or len(rows) % per_step:
            came = f"{rows.dtype} {rows.shape}" if isinstance(rows, np.ndarray) else f"a {type(rows).__name__}"
            raise RequestError(f"'executed' is {came}, expected numbers of shape (E*{per_step}, {size}): {per_step} actions of {size} slots for each step.")
        if len(rows) > most * per_step:
            raise RequestError(f"'executed' has {len(rows) // per_step} steps, expected at most {most}. Send what was done since the last message, or reset.")
        valid = message.get("executed_valid", np.ones(len(rows), dtype=bool))
        if not isinstance(valid, np.ndarray) or valid.dtype != bool or valid.shape != rows.shape[:1]:
            raise RequestError(f"'executed_valid' does not fit 'executed': expected booleans of shape ({len(rows)},).")
        if not len(rows):
            return self.spec.acts.nothing(1, 1, self.device)
        numbers = finite(np.where(valid[:, None] | np.isfinite(rows), rows, 0), "executed")
        for index, slot in enumerate(self.spec.acts.low_level):
            require_unit(numbers[valid, index].astype(np.float64), "executed", slot)
        low_level = torch.tensor(numbers, device=self.device).view(1, -1, per_step, size)
        return Actions(valid=torch.tensor(valid, device=self.device).view(1, -1, per_step), low_level=low_level)

    def _noise(self, message: Mapping[str, object], since: Past) -> Noise:
        """The client's chance, or the server's own, as far on as steps went by: a step on which nothing was executed is one too."""
        if self.given is not None:
            self.chance = self.chance.advance(since.size("T"))
        if "noise" not in message:
            return self.chance
        told = message["noise"]
        if not isinstance(told, dict) or any(type(told.get(name)) is not int or not low <= told[name] < high for name, (low, high) in SEEDS.items()):
            raise RequestError(f"'noise' is {told!r}, expected whole numbers for {', '.join(SEEDS)}, as `Noise` has them.")
        return replace(Noise.of([told["seed"]], self.device).advance(told["step"]), stream=told["stream"])

    def _told(self, actions: Actions, since: Past, masked: bool) -> dict[str, object]:
        """The answer, and what will be assumed to have been executed of it."""
        assert actions.low_level is not None
        if not bool(actions.low_level[actions.valid].isfinite().all()):
            raise FloatingPointError("the policy's actions are not finite, so they were not sent. A diverged model is the usual cause; wrap it in Guarded.")
        if not masked and not bool(actions.valid.all()):
            actions = replace(actions, low_level=self._still(actions, since))
        assert actions.low_level is not None
        low, high = self.spec.acts.limits(self.device, actions.low_level.dtype)
        first = actions.narrow("T", 0, self.spec.execute)
        done = first.valid if masked else torch.ones_like(first.valid)  # who reads no mask executes what stands still, too
        self.given = replace(first, valid=done, low_level=actions.low_level[:, : self.spec.execute].clamp(low, high))
        rows = actions.low_level[0].flatten(0, 1).float().cpu().numpy()
        return {"actions": np.ascontiguousarray(rows), "valid": actions.valid[0].flatten().cpu().numpy()}

    def _still(self, actions: Actions, since: Past) -> torch.Tensor:
        """Standing still where an action is not valid: 0 in relative slots, in absolute ones the value before it, at first the last executed one."""
        assert actions.low_level is not None and since.actions.low_level is not None
        relative = torch.tensor([slot.relative for slot in self.spec.acts.low_level], device=self.device)
        if not bool(relative.all()) and not bool(since.actions.valid[0, -1, -1]) and not bool(actions.valid[0, 0, 0]):
            raise RequestError(
                "the policy wants nothing done, nothing was executed before, and the absolute actions that stand still are not known. "
                "Send executed_valid and read the mask in the answer, which says so."
            )
        rows, valid = actions.low_level.flatten(1, 2).clone(), actions.valid.flatten(1)
        last = since.actions.low_level[:, -1, -1]
        for row in range(rows.shape[1]):
            rows[:, row] = torch.where(valid[:, row, None], rows[:, row], torch.where(relative, 0, last))
            last = rows[:, row]
        return rows.view_as(actions.low_level)
