"""A policy on another machine that never makes the robot wait: it executes what it has while the next chunk is on its way.

One action per call. Every `execute` steps, or when nothing is left, the server is asked with all that was seen and done since; its
answer counts from the frame at which it was asked. What was executed meanwhile is dropped of it (the frozen prefix, as long as it
took), the rest takes over gradually from what is left of the chunk that runs (`plan.control.chunks.overlap`), changes as paths: the
robot comes to where the answer would have taken it. No action is executed twice, and none is skipped.

Where there is nothing to execute, because no answer came in time or the link is down, the robot holds: 0 in relative slots, the last
executed value in absolute ones, nothing (`valid` = False) before anything was executed. Steps on which it held take nothing from a chunk. A
server that lost its memory begins anew from the last frame. Give it a clock: called faster than in real time, all answers are late.

Footgun: what is executed depends on wall time. For figures that can be repeated use `RemotePolicy`, or `chunks.Asynchronous`.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wam.plan.control.chunks import changes, joined, later, moved, overlap
from wam.plan.control.safety import Guard, Safety
from wam.serve.courier import Courier, Letter
from wam.serve.link import Backoff, Link
from wam.serve.remote import Message, actions_of, require_sent
from wam.world import Actions, Noise, Past, Record, SpecError, Task, concatenate, record

HOLD = Safety(tolerate=2**40)  # a missing action is one that is not finite: stand still, for as long as it takes


@record
class AsyncMemory(Record):
    """Which episode this is, how far it is, and what was executed last."""

    episode: Int[Tensor, "B"]
    step: Int[Tensor, "B"]
    guard: Guard


@dataclass(frozen=True)
class Asked:
    """When a message was sent."""

    episode: int
    executed: int  # actions
    went: Float[Tensor, "1 1 1 A"]  # how far changes had led


class AsyncRemotePolicy:
    """`Policy` over `wam serve` for one robot (one row). Close it, or use it in a `with` block."""

    def __init__(self, address: str, *, token: str | None = None, timeout: float = 2.0, patience: float = 10.0, backoff: Backoff | None = None) -> None:
        """`address`: ws://host:port; `token`: else WAM_TOKEN; `timeout`: seconds until an answer counts as lost; `patience`: for the first connection.

        LinkLost where no server answers at first; later it is tried again for ever.
        """
        link = Link(address, token=token, timeout=timeout, patience=patience, backoff=backoff)
        link.open()
        assert link.greeting is not None
        self.served, self.keys, self.limits = link.greeting.spec, link.greeting.keys, link.greeting.limits
        self.spec, self.most = dataclasses.replace(self.served, chunk=1, execute=1), self.limits.instants(self.served)
        self.courier, self.episode = Courier(link), -1
        self._restart(Task())

    def begin(self, batch: int, task: Task) -> AsyncMemory:
        """A new episode; what was on its way is dropped when it comes. SpecError for more than one row."""
        if batch != 1:
            raise SpecError(f"AsyncRemotePolicy drives one robot, got {batch} rows. Make one for each robot.")
        require_sent(task, self.served)
        self._restart(task)
        return AsyncMemory(episode=torch.tensor([self.episode]), step=torch.tensor([0]), guard=HOLD.begin(1, self.spec))

    def _restart(self, task: Task) -> None:
        """Everything about an episode, as it is before its first call."""
        self.episode, self.task = self.episode + 1, task
        self.step, self.holds = 0, 0  # calls, and those without an action to execute
        self.relative = changes(self.served.acts)
        self.went = torch.zeros(1, 1, 1, len(self.relative))  # how far changes have led
        self.queue = self.served.acts.nothing(1, self.served.chunk)  # from this step on; what is not valid is not there
        self.asked_at = 0  # actions executed before the last message
        self.over: int | None = None  # the connection that knows this episode
        self.unsent = list[Past]()

    @property
    def executed(self) -> int:
        """Actions that were given to the robot in this episode."""
        return self.step - self.holds

    @torch.no_grad()
    def act(self, memory: AsyncMemory, since: Past, *, noise: Noise | None = None) -> tuple[AsyncMemory, Actions]:
        """The action of this step, at once. RemoteError where the server says that something is wrong."""
        if (int(memory.episode), int(memory.step)) != (self.episode, self.step):
            raise SpecError("the memory is an old one. AsyncRemotePolicy drives one robot, from the beginning of an episode to its end.")
        self.unsent = [*self.unsent, since][-self.most - 1 :]  # more than can be sent: the server begins anew
        self.went = self.went + moved(since, self.relative)
        self._take()
        self._ask(noise)
        there = bool(self.queue.valid[:, :1].any())
        wanted = self.queue.narrow("T", 0, 1)
        assert wanted.low_level is not None
        missing = Actions(valid=torch.ones_like(wanted.valid), low_level=torch.full_like(wanted.low_level, torch.nan))
        self.holds += int(not there)
        guard, actions = HOLD.apply(memory.guard, since, wanted if there else missing, self.spec)
        self.queue = _later(self.queue, 1)
        self.step += 1
        return dataclasses.replace(memory, step=memory.step + 1, guard=guard), actions

    def close(self) -> None:
        """End the conversation and its thread."""
        self.courier.close()

    def __enter__(self) -> "AsyncRemotePolicy":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self) -> None:
        """Put an answer that has come into the queue."""
        letter = self.courier.take()
        if letter is None or letter.tag.episode != self.episode:
            return
        chunk, passed = actions_of(letter.content, self.served), self.executed - letter.tag.executed
        assert chunk.low_level is not None
        dropped = torch.where(self.relative, chunk.low_level[:, :passed], 0).sum((1, 2), keepdim=True)
        ahead, left = self.went - letter.tag.went - dropped, int(self.queue.valid.any(-1).sum())
        self.queue = joined(self.queue, _later(chunk, passed), overlap(self.served.chunk, frozen=0, left=left)[None], self.served.acts, ahead)

    def _ask(self, noise: Noise | None) -> None:
        """Ask when it is time and the link is there. A connection that does not know the episode hears of it from the last frame on."""
        over = self.courier.connection()
        known = over == self.over  # where not, there is no memory of this episode, and no answer to come: ask at once
        if over is None or (known and self.executed - self.asked_at < self.served.execute and bool(self.queue.valid.any())):
            return
        message = Message(self.served, self.keys, self.limits, self.task, concatenate(self.unsent, "T"), noise)
        content: dict[str, Any] = message.following() if known else message.first() if self.over is None else message.anew()
        if self.courier.send(Letter(Asked(self.episode, self.executed, self.went), content), over):
            self.asked_at, self.over, self.unsent = self.executed, over, []


def _later(actions: Actions, steps: int) -> Actions:
    """A queue some steps on; not valid beyond its end."""
    count = torch.tensor([steps])
    assert actions.low_level is not None
    return Actions(valid=later(actions.valid, count), low_level=later(actions.low_level, count))
