"""A robot that never waits, over a link with delay, jitter, drops and a server that goes away: it holds, and no action comes twice.

The policy walks: from place p to p + 1, p + 2, ... Whatever the timing was, the places that the robot was sent to must be
1, 2, 3, ... without gap or repetition, and in between it must hold: the last target again, forward 0.
"""

import contextlib
import dataclasses
import threading
import time

import pytest
import torch

from tests.serve.drive import Drive
from tests.serve.mocks import LARGE, SEES, WIDE, Staring, Summing, Walking, served
from tests.serve.relay import Relay
from wam.serve import AsyncRemotePolicy, Backoff, Limits, RemoteError
from wam.world import Actions, ActionSpec, Noise, Past, SpecError, Task
from wam.world.slots import Slot

QUICK = Backoff(first=0.01, most=0.05)


def test_over_a_troubled_link_it_holds_and_executes_nothing_twice() -> None:
    with (
        contextlib.ExitStack() as server,
        Relay(server.enter_context(served(Walking())), delay=0.002, jitter=0.006, seed=1) as relay,
        AsyncRemotePolicy(f"ws://127.0.0.1:{relay.port}", timeout=0.25, backoff=QUICK) as policy,
    ):
        drive = Drive(policy)
        drive.until(moved=True)
        for _ in range(50):
            drive.step()
        assert drive.check() > 0
        relay.cut()  # a drop: what was on its way is lost
        drive.until(moved=False), drive.until(moved=True)
        relay.swallow = True  # the line is dead, and nobody says so
        drive.until(moved=False)
        for _ in range(20):
            assert not drive.step()
        relay.swallow = False
        drive.until(moved=True)
        relay.cut(), server.close()  # the server dies
        drive.until(moved=False)
        for _ in range(20):
            assert not drive.step()
        before = drive.check()
        relay.target = server.enter_context(served(Walking()))  # and comes back with an empty memory, elsewhere
        drive.until(moved=True)
        for _ in range(30):
            drive.step()
        assert drive.check() > before and relay.connections >= 4


def test_a_line_that_goes_silent_in_the_middle_of_a_message_is_made_again_and_can_be_closed() -> None:
    """Pictures fill every buffer on the way, and nobody reads on: neither `act` nor `close` waits for it."""
    since = Past(observation=LARGE.sample(1, 1), actions=Staring().spec.acts.nothing(1, 1))
    with served(Staring(), limits=WIDE) as port, Relay(port) as relay:
        relay.most = 2**20
        for timeout, lines in ((0.2, 3), (60, 1)):
            relay.connections = 0
            policy = AsyncRemotePolicy(f"ws://127.0.0.1:{relay.port}", timeout=timeout, backoff=QUICK)
            memory = policy.begin(1, Task())
            deadline = time.monotonic() + 20
            while (relay.connections < lines or policy.courier.connection() is not None) and time.monotonic() < deadline:
                memory, _ = policy.act(memory, since)
                time.sleep(0.01)
            assert relay.connections >= lines
            time.sleep(0.1)  # until it is in the middle of it
            started = time.monotonic()
            policy.close()
            assert time.monotonic() - started < 10


def test_on_a_good_link_the_walk_goes_on_while_the_next_chunk_is_on_its_way() -> None:
    """With time for each answer, the robot holds only until the first one."""
    with served(Walking()) as port, AsyncRemotePolicy(f"ws://127.0.0.1:{port}") as policy:
        drive = Drive(policy)
        drive.until(moved=True)
        for _ in range(20):
            deadline = time.monotonic() + 2
            while policy.courier.connection() is None and time.monotonic() < deadline:
                time.sleep(0.001)
            assert drive.step(0)
        assert drive.check() == 21


def test_the_server_hears_of_everything_that_was_executed() -> None:
    """Held steps too, each frame once, in order: the server's policy sums up what it was told."""
    pasts = []

    class Listening(Walking):
        def act(self, memory, since, *, noise=None):
            pasts.append(since)
            return super().act(memory, since, noise=noise)

    with served(Listening()) as port, AsyncRemotePolicy(f"ws://127.0.0.1:{port}") as policy:
        drive = Drive(policy)
        for _ in range(40):
            drive.step()
    counts = torch.cat([past.observation.proprio[0, :, 1] for past in pasts])
    assert counts.tolist() == list(range(len(counts))) and len(counts) > 10
    done = torch.cat([past.actions.low_level[0, :, 0, 1] * past.actions.valid[0, :, 0] for past in pasts])
    assert done.tolist() == [0.0, *(float(action[1]) * valid for action, valid in drive.executed)][: len(done)]


def test_a_question_that_was_lost_is_asked_again_at_once() -> None:
    """Not only when as many steps were executed again: the chunk would be spent by then."""
    with (
        served(Walking(chunk=500, execute=300), limits=Limits(frames=300)) as port,
        Relay(port) as relay,
        AsyncRemotePolicy(f"ws://127.0.0.1:{relay.port}", backoff=QUICK) as policy,
    ):
        drive = Drive(policy)
        drive.until(moved=True)
        relay.cut()
        while policy.executed < 600:
            assert drive.step(), f"held after {policy.executed} steps"
        drive.check()


def test_a_new_episode_takes_nothing_from_the_last_one() -> None:
    with served(Walking()) as port, AsyncRemotePolicy(f"ws://127.0.0.1:{port}") as policy:
        first = Drive(policy)
        first.until(moved=True)
        first.step(0)  # perhaps with an answer on its way
        second = Drive(policy)
        second.until(moved=True)
        second.check()
        with pytest.raises(SpecError, match="the memory is an old one"):
            first.step()
        with pytest.raises(SpecError, match="one robot, got 2 rows"):
            policy.begin(2, Task())


def test_what_the_server_complains_of_stops_the_robots_loop() -> None:
    class Failing(Summing):
        def act(self, memory, since, *, noise=None):
            raise KeyError("broken")

    with served(Failing()) as port, AsyncRemotePolicy(f"ws://127.0.0.1:{port}") as policy:
        drive = Drive(policy)
        with pytest.raises(RemoteError, match=r"the policy failed \(KeyError\)"):
            for _ in range(1000):
                drive.step()


def test_whatever_ends_the_thread_that_asks_stops_the_robots_loop_too(monkeypatch) -> None:
    """It would hold for ever otherwise, and nobody would know why."""
    with served(Walking()) as port, AsyncRemotePolicy(f"ws://127.0.0.1:{port}") as policy:
        monkeypatch.setattr(policy.courier.link, "ask", lambda message: 1 / 0)
        drive = Drive(policy)
        with pytest.raises(ZeroDivisionError):
            for _ in range(1000):
                drive.step()


def test_chance_travels() -> None:
    heard = []

    class Chancy(Walking):
        def act(self, memory, since, *, noise=None):
            heard.append(noise)
            return super().act(memory, since, noise=noise)

    mine = Noise.of([11]).advance(4)
    with served(Chancy()) as port, AsyncRemotePolicy(f"ws://127.0.0.1:{port}") as policy:
        drive = Drive(policy)
        policy.act(drive.memory, drive.since, noise=mine)
        deadline = time.monotonic() + 5
        while not heard and time.monotonic() < deadline:
            time.sleep(0.001)
    assert torch.equal(heard[0].normal(1, 3), mine.normal(1, 3))


def test_a_change_counts_from_where_the_answer_would_have_taken_the_robot() -> None:
    """Each answer leads to place 3 in four steps. Two steps of the first are done while the second is on its way, and bring the robot there."""
    acts, gate = ActionSpec(low_level=(Slot(name="step", unit="m", relative=True, low=-1.0, high=1.0),)), threading.Semaphore(0)

    class Homing(Summing):
        def __init__(self) -> None:
            super().__init__(chunk=6, execute=2)
            self.spec, self.place = dataclasses.replace(self.spec, acts=acts), 0.0

        def act(self, memory, since, *, noise=None):
            gate.acquire()
            self.place += float((since.actions.low_level * since.actions.valid[..., None]).sum())
            steps = torch.zeros(1, 6, 1, 1)
            steps[:, :4] = (3 - self.place) / 4
            return memory, Actions(valid=torch.ones(1, 6, 1, dtype=torch.bool), low_level=steps)

        def begin(self, batch, task):
            return task

    def answered() -> None:
        gate.release()
        deadline = time.monotonic() + 5
        while policy.courier.connection() is None and time.monotonic() < deadline:
            time.sleep(0.001)

    with served(Homing()) as port, AsyncRemotePolicy(f"ws://127.0.0.1:{port}") as policy:
        memory, steps = policy.begin(1, Task()), list[float]()
        since = Past(observation=SEES.sample(1, 1), actions=acts.nothing(1, 1))
        while policy.courier.connection() is None:
            time.sleep(0.001)
        for step in range(8):
            if step in (1, 5):
                answered()
            memory, actions = policy.act(memory, since)
            since = Past(observation=SEES.sample(1, 1), actions=actions)
            steps.append(float(actions.low_level.sum()) if step else 0.0)  # nothing is there at first
        gate.release(10)
    places = torch.tensor(steps).cumsum(0)
    assert places[:5].tolist() == [0, 0.75, 1.5, 2.25, 3]
    assert places.max() < 3.001 and places[-1] == pytest.approx(3, abs=1e-4)  # not the second answer's last steps on top
