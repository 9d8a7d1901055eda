"""A policy on another machine, asked and waited for. One connection per row, so that rows are as independent there as here.

All frames and executed actions since the last call are sent, and the chance to act with, so that acting remotely is acting
locally, bit for bit. Where a connection broke, it is made again and the policy begins anew from the last frame (`losses` counts);
meanwhile `act` waits, and a robot that is given nothing holds. Use `AsyncRemotePolicy` where it must not wait. After LinkLost `act`
may be called again: rows that had their answer are not asked again for the same, and begin anew where it is about something else.

The memory here is only a number: the real one is in the server. It cannot be copied, and an old one cannot be gone back to.
"""

import dataclasses
import logging
import time
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from wam.serve.keys import GOAL, Keys
from wam.serve.limits import Limits
from wam.serve.link import Backoff, Link, LinkLost
from wam.serve.wire import pack
from wam.world import Actions, Noise, Observation, ObservationSpec, Past, PolicySpec, Record, SpecError, Task, concatenate, record

logger = logging.getLogger(__name__)


@record
class RemoteMemory(Record):
    """Which conversation each row is, and how far it is."""

    task: Task
    row: Int[Tensor, "B"]  # number of the conversation
    asked: Int[Tensor, "B"]  # answers so far


class RemotePolicy:
    """`Policy` over `wam serve`. Close it, or use it in a `with` block."""

    def __init__(self, address: str, *, token: str | None = None, timeout: float = 10.0, patience: float = 30.0, backoff: Backoff | None = None) -> None:
        """`address`: ws://host:port; `token`: else WAM_TOKEN; `timeout`: seconds for an answer, `patience`: until LinkLost is raised where none comes."""
        self.settings: dict[str, Any] = {"token": token, "timeout": timeout, "patience": patience, "backoff": backoff}
        self.address, self.links, self.rows, self.losses = address, dict[int, tuple[Link, int]](), 0, 0
        self.kept = dict[int, tuple[Message, Actions]]()  # what rows were asked and answered in an `act` that did not come to its end
        self.spare: Link | None = Link(address, **self.settings)
        self.spare.open()
        assert self.spare.greeting is not None
        self.spec, self.keys, self.limits = self.spare.greeting.spec, self.spare.greeting.keys, self.spare.greeting.limits

    def begin(self, batch: int, task: Task) -> RemoteMemory:
        """New conversations; nothing is sent yet. SpecError for more than the server lets in, or a goal that is a state: it cannot be sent."""
        if batch > self.limits.clients:
            raise SpecError(
                f"{batch} rows are that many clients of {self.address}, which lets {self.limits.clients} in at once. "
                "Ask in smaller batches, or let more in: Limits(clients=...), wam serve --clients."
            )
        require_sent(task, self.spec)
        row = torch.arange(self.rows, self.rows + batch)
        self.rows += batch
        return RemoteMemory(task=task, row=row, asked=torch.zeros_like(row))

    def act(self, memory: RemoteMemory, since: Past, *, noise: Noise | None = None) -> tuple[RemoteMemory, Actions]:
        """The server's answer, row by row. Conversations that are not in this memory end."""
        wanted, counts = memory.row.tolist(), memory.asked.tolist()
        self._require_known(wanted, counts)
        for row in self.links.keys() - set(wanted):
            self.links.pop(row)[0].close()
            self.kept.pop(row, None)
        for place, (row, asked) in enumerate(zip(wanted, counts, strict=True)):
            at = torch.tensor([place])
            message = Message(self.spec, self.keys, self.limits, memory.task.select(at), since.select(at), None if noise is None else noise.select(at))
            self.kept[row] = (message, self._answer(row, asked, message))
        answers = [self.kept.pop(row)[1] for row in wanted]
        self.links = {row: (self.links[row][0], asked + 1) for row, asked in zip(wanted, counts, strict=True)}
        return dataclasses.replace(memory, asked=memory.asked + 1), concatenate(answers, "B").to(since.observation.device)

    def close(self) -> None:
        """End all conversations."""
        for link in (*(link for link, _ in self.links.values()), *([self.spare] if self.spare is not None else [])):
            link.close()
        self.links, self.kept, self.spare = {}, {}, None

    def __enter__(self) -> "RemotePolicy":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _require_known(self, rows: list[int], counts: list[int]) -> None:
        """SpecError where a conversation is not where the memory says, before anything is sent."""
        for place, (row, asked) in enumerate(zip(rows, counts, strict=True)):
            known = (self.links[row][1] if row in self.links else 0) + rows[:place].count(row)
            if known != asked:
                raise SpecError(
                    f"conversation {row} was asked {known} times, the memory says {asked}: it was copied, is an old one, or was given up for another. "
                    "The server's memory moves on with each call. Use one RemotePolicy per rollout."
                )

    def _answer(self, row: int, asked: int, message: "Message") -> Actions:
        """Ask until there is an answer. A message that may have arrived is not sent again: the next one begins anew."""
        if row not in self.links:
            self.links[row], self.spare = (self.spare or Link(self.address, **self.settings), 0), None
        link = self.links[row][0]
        before, answer = self.kept.pop(row, (message, None))
        if answer is not None and message.repeats(before):
            return answer
        lost, started = answer is not None, time.monotonic()  # the server's memory went on without this client's
        self.losses += lost
        while True:
            lost = (link.open() and asked > 0) or lost
            try:
                reply = link.ask(message.anew() if lost else message.first() if asked == 0 else message.following())
            except LinkLost as error:
                if time.monotonic() - started > link.patience:
                    raise
                logger.warning("%s It begins anew from the last frame.", error)
                self.losses += 1
                lost = lost or asked > 0
                continue
            return actions_of(reply, self.spec)


@dataclasses.dataclass(frozen=True)
class Message:
    """What one row has to say, in three tones."""

    spec: PolicySpec
    keys: Keys
    limits: Limits
    task: Task
    since: Past
    noise: Noise | None

    def following(self) -> dict[str, Any]:
        """All frames and executed actions since the last message; only the last frame, from the beginning, where that is too much."""
        if self.since.actions.size("T") > max(1, self.limits.instants(self.spec)):
            return self.anew()
        actions = self.since.actions
        assert actions.low_level is not None
        message: dict[str, Any] = self.keys.told(self.since.observation)
        message["executed"] = np.ascontiguousarray(actions.low_level[0].flatten(0, 1).float().cpu().numpy())
        message["executed_valid"] = actions.valid[0].flatten().cpu().numpy()
        if self.noise is not None:
            message["noise"] = {"seed": int(self.noise.seed), "step": int(self.noise.step), "stream": self.noise.stream}
        if self.spec.instructed:
            number = -1 if self.task.instruction is None else int(self.task.instruction)
            message[self.keys.prompt] = self.spec.sentences[number] if number >= 0 else ""
        return message

    def first(self) -> dict[str, Any]:
        """The same, at the beginning of an episode, with its goal."""
        goal = {} if self.task.goal is None or not self.spec.goal_conditioned else self.keys.told(as_seen(self.task.goal, self.spec.observes), prefix=GOAL)
        return {**self.following(), **goal, "reset": True}

    def anew(self) -> dict[str, Any]:
        """A beginning from the last frame, after the server lost its memory."""
        return dataclasses.replace(self, since=self.since_last()).first()

    def repeats(self, other: "Message") -> bool:
        """Is it the same, bit for bit?"""
        return pack(self.first()) == pack(other.first())

    def since_last(self) -> Past:
        """The last instant."""
        return Past(observation=self.since.observation.narrow("T", -1), actions=self.since.actions.narrow("T", -1))


def require_sent(task: Task, spec: PolicySpec) -> None:
    """SpecError for what cannot be sent: instructions that the policy does not know, a goal that is no picture where it needs one, or none."""
    told = task.instruction if spec.instructed else None
    if told is not None and bool(((told < -1) | (told >= len(spec.sentences))).any()):
        raise SpecError(
            f"the instructions are {told.tolist()}, the served policy knows {len(spec.sentences)}: ids 0 to {len(spec.sentences) - 1} into spec.sentences, "
            "or -1 for none."
        )
    if spec.goal_conditioned and task.goal is None:
        came = "no goal" if task.goal_state is None else f"a goal that is a {type(task.goal_state).__name__}, which cannot be sent to a policy server"
        raise SpecError(f"the served policy needs a goal that is seen, and the task has {came}. Use a world that shows goal images.")


def as_seen(goal: Observation, spec: ObservationSpec) -> Observation:
    """What of a goal the policy could have seen itself: its cameras, and its readings. A world may show goals of another kind."""
    sizes = {name: (camera.height, camera.width) for name, camera in spec.cameras.items()}
    rgb = {name: frames for name, frames in (goal.rgb or {}).items() if sizes.get(name) == tuple(frames.shape[-2:])}
    fits = goal.proprio is not None and goal.proprio.shape[-1] == len(spec.proprio)
    return Observation(rgb=rgb or None, proprio=goal.proprio if fits else None)


def actions_of(reply: dict[str, Any], spec: PolicySpec) -> Actions:
    """One row of K actions. SpecError where the server's answer does not fit its own spec."""
    valid, rows = reply.get("valid"), reply.get("actions")
    shape = (spec.chunk, spec.acts.per_step, len(spec.acts.low_level))
    if not isinstance(rows, np.ndarray) or not isinstance(valid, np.ndarray) or rows.shape != (shape[0] * shape[1], shape[2]) or valid.shape != rows.shape[:1]:
        raise SpecError(f"the server answered {sorted(reply)} with actions of another shape than {shape} flattened. Is it of the same version?")
    return Actions(valid=torch.tensor(valid).view(1, *shape[:2]), low_level=torch.tensor(rows).view(1, *shape))
