"""A server in a thread or a process, a client as openpi's is, a robot with a camera, and a policy with a memory."""

import asyncio
import contextlib
import dataclasses
import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import msgpack
import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from websockets.sync.client import connect

from wam.serve import Limits, PolicyServer
from wam.world import Actions, ActionSpec, Camera, EnvSpec, Noise, Observation, ObservationSpec, Outcome, Past, PolicySpec, Record, Task, Truth, record
from wam.world.slots import Slot

SEES = ObservationSpec(cameras={"front": Camera(height=4, width=6), "wrist": Camera(height=2, width=2)}, proprio=(Slot(name="place"), Slot(name="count")))
LARGE = ObservationSpec(cameras={"front": Camera(height=2200, width=4000)})  # 26 MB
WIDE = Limits(message_bytes=2**26)  # for two of them
ACTS = ActionSpec(low_level=(Slot(name="target", unit="m"), Slot(name="forward", relative=True)))
SENTENCES = ("push the red disc", "push the blue disc")


@record
class Sums(Record):
    """What was seen and done so far, in a few sums: any difference shows."""

    seen: Float[Tensor, "B"]
    done: Float[Tensor, "B A"]
    task: Float[Tensor, "B"]


class Summing:
    """Acts by everything that it was ever told."""

    def __init__(self, chunk: int = 3, execute: int = 2, per_step: int = 1, instructed: bool = False, goal_conditioned: bool = False) -> None:
        acts = dataclasses.replace(ACTS, per_step=per_step)
        told = {"instructed": instructed, "sentences": SENTENCES if instructed else (), "goal_conditioned": goal_conditioned}
        self.spec = PolicySpec(observes=SEES, acts=acts, chunk=chunk, execute=execute, **told)

    def begin(self, batch: int, task: Task) -> Sums:
        asked = torch.zeros(batch) if task.instruction is None else task.instruction.float()
        goal = torch.zeros(batch) if not self.spec.goal_conditioned else task.goal.rgb["front"].float().sum((1, 2, 3, 4)) + task.goal.proprio.sum((1, 2))
        return Sums(seen=torch.zeros(batch), done=torch.zeros(batch, 2), task=asked + goal / 100)

    def act(self, memory: Sums, since: Past, *, noise: Noise | None = None) -> tuple[Sums, Actions]:
        frames = since.observation
        pictures = sum(rgb.float().mean((2, 3, 4)) for rgb in frames.rgb.values()) + frames.proprio.sum(-1)
        order = torch.arange(1, frames.size("T") + 1)
        seen = 0.5 * memory.seen + (pictures * order).sum(1) / 100
        done = 0.5 * memory.done + (since.actions.low_level * since.actions.valid[..., None]).sum((1, 2))
        told = (seen + memory.task)[:, None] + done / 10 + (0 if noise is None else noise.normal(1, 2)[:, 0])
        steps = torch.arange(self.spec.chunk * self.spec.acts.per_step).view(self.spec.chunk, -1, 1)
        low_level = told[:, None, None] + 0.1 * steps
        return Sums(seen=seen, done=done, task=memory.task), Actions(valid=torch.ones_like(low_level[..., 0], dtype=torch.bool), low_level=low_level)


class Walking(Summing):
    """From place p: to p + 1, p + 2, ... one after the other. Asked wrongly, or executed twice, the walk would show it."""

    def __init__(self, chunk: int = 8, execute: int = 3) -> None:
        super().__init__(chunk, execute)

    def act(self, memory, since, *, noise=None):
        targets = since.observation.proprio[:, -1, :1] + torch.arange(1, self.spec.chunk + 1)
        low_level = torch.stack([targets, torch.ones_like(targets)], -1)[:, :, None]
        return memory, Actions(valid=torch.ones_like(low_level[..., 0], dtype=torch.bool), low_level=low_level)


class Staring(Summing):
    """Sees a picture that fits into no socket's buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = dataclasses.replace(self.spec, observes=LARGE)

    def begin(self, batch, task):
        return task

    def act(self, memory, since, *, noise=None):
        return memory, self.spec.acts.nothing(1, self.spec.chunk)


class Robot:
    """A place on a line, and two cameras. Forward > 0.5 takes it to the target."""

    def __init__(self, batch: int = 1, per_step: int = 1, sentences: tuple[str, ...] = ()) -> None:
        self.batch, self.place, self.count = batch, torch.zeros(batch), torch.zeros(batch)
        self.spec = EnvSpec(name="robot", observes=SEES, acts=dataclasses.replace(ACTS, per_step=per_step), budget=1000, sentences=sentences)

    def reset(self, mask: Tensor, seeds: Tensor) -> tuple[Observation, Task]:
        self.seeds, self.place, self.count = seeds, torch.where(mask, seeds.float() % 3, self.place), torch.where(mask, 0, self.count)
        goal = self._show()
        return self._show(), Task(instruction=seeds % 2 if self.spec.sentences else None, goal=goal)

    def step(self, actions: Actions) -> Outcome:
        frames = []
        for time in range(actions.size("T")):
            target, forward = actions.low_level[:, time, -1].unbind(-1)
            self.place = torch.where(actions.valid[:, time, -1] & (forward > 0.5), target, self.place)
            self.count = self.count + 1
            frames.append(self._show())
        batch, steps = self.batch, len(frames)
        rgb = {name: torch.cat([frame.rgb[name] for frame in frames], 1) for name in SEES.cameras}
        observation = Observation(rgb=rgb, proprio=torch.cat([frame.proprio for frame in frames], 1))
        true = torch.ones(batch, steps, dtype=torch.bool)
        return Outcome(observation=observation, reward=torch.zeros(batch, steps), alive=true, success=~true)

    def truth(self) -> Truth:
        return Truth()

    def save(self):
        return self.place, self.count

    def restore(self, snapshot) -> None:
        self.place, self.count = snapshot

    def _show(self) -> Observation:
        shown = Noise.of(self.seeds * 1000 + self.count.long())
        pictures = SEES.sample(self.batch, 1, shown).rgb
        return Observation(rgb=pictures, proprio=torch.stack([self.place, self.count], -1)[:, None])


@contextlib.contextmanager
def served(policy, **settings) -> Iterator[int]:
    """The port of a server in a thread; stopped at the end."""
    server = PolicyServer(policy, **{"port": 0, **settings})
    ports, loop, stop = [], asyncio.new_event_loop(), asyncio.Event()
    up = threading.Event()

    def started(port: int) -> None:
        ports.append(port), up.set()

    def run() -> None:
        try:
            loop.run_until_complete(server.run(stop, started))
        finally:
            loop.close()
            up.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert up.wait(5) and ports, "the server did not start"
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@contextlib.contextmanager
def a_process(policy: str, port: int = 0) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A server of its own, of the policy that is made by that name, and its port; killed at the end at the latest. Not waited for where the port is known."""
    module, _, name = policy.rpartition(".")
    script = (
        f"import sys; from {module} import {name}; from wam.serve import Limits, PolicyServer; "
        f"PolicyServer({name}(), port=int(sys.argv[1])).run_until_signal(lambda port: print(port, flush=True))"
    )
    command = [sys.executable, "-c", script, str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) as process:
        try:
            assert process.stdout is not None
            yield port or int(process.stdout.readline()), process
        finally:
            process.kill()


def openpi_bytes(message: object) -> bytes:
    """As openpi's client packs, written from its format: byte-string keys, C-order bytes."""

    def plain(value):
        if isinstance(value, np.ndarray):
            return {b"__ndarray__": True, b"data": value.tobytes(), b"dtype": value.dtype.str, b"shape": value.shape}
        return {b"__npgeneric__": True, b"data": value.item(), b"dtype": value.dtype.str}

    return msgpack.packb(message, default=plain)


def openpi_read(data: bytes) -> object:
    def array(value):
        if b"__ndarray__" in value:
            return np.ndarray(buffer=value[b"data"], dtype=np.dtype(value[b"dtype"]), shape=value[b"shape"])
        return value

    return msgpack.unpackb(data, object_hook=array)


class OpenpiClient:
    """Connects, reads metadata, asks: what an existing robot client does."""

    def __init__(self, port: int, token: str | None = None) -> None:
        headers = {"Authorization": f"Api-Key {token}"} if token else None
        address = f"ws://127.0.0.1:{port}"
        self.connection = connect(address, compression=None, max_size=None, additional_headers=headers, close_timeout=1, proxy=None).__enter__()
        first = self.connection.recv()
        self.metadata = first if isinstance(first, str) else openpi_read(first)

    def infer(self, message: dict) -> dict:
        self.connection.send(openpi_bytes(message))
        reply = self.connection.recv()
        if isinstance(reply, str):
            raise RuntimeError(reply)
        return openpi_read(reply)

    def closed(self) -> int:
        """The close code, once it has come."""
        with contextlib.suppress(Exception):
            self.connection.recv(2)
        return self.connection.close_code

    def __enter__(self) -> "OpenpiClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()


def message(number: int = 0) -> dict:
    """A robot's message in openpi's way: one instant, uint8 pictures with channels last."""
    seen = SEES.sample(1, 1, Noise.of([number]))
    return {
        "observation/image": seen.rgb["front"][0, 0].permute(1, 2, 0).contiguous().numpy(),
        "observation/wrist_image": seen.rgb["wrist"][0, 0].permute(1, 2, 0).contiguous().numpy(),
        "observation/state": seen.proprio[0, 0].numpy(),
        "prompt": "push the red disc",
    }


def observation(number: int = 0) -> Observation:
    """What `message` shows."""
    return SEES.sample(1, 1, Noise.of([number]))


def alike(one: Record, two: Record) -> bool:
    """All but wall time."""
    pairs = zip(one.leaves(), two.leaves(), strict=True)
    return all(torch.equal(a, b) for (path, _, a), (_, _, b) in pairs if not path.endswith("seconds"))
