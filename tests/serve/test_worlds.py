"""Worlds of the library driven over a link with delay, jitter, drops and a server that goes away and comes back.

Waiting for each answer, a robot does to the bit what it does alone. Not waiting, it solves the same starts a little later; while
nothing answers it holds, and no step is executed twice.
"""

import contextlib

import pytest
import torch

from tests.serve.drive import Drive
from tests.serve.mocks import a_process, alike, served
from tests.serve.relay import Relay
from tests.serve.robots import DISC, Foreseeing, Numbered, Shoving
from tests.sim.worlds.tabletop.tables import THINGS, needs_physics
from wam.plan.control import rollout
from wam.plan.control.latency import Metered
from wam.serve import AsyncRemotePolicy, Backoff, RemotePolicy
from wam.sim.worlds.push import PushWorld
from wam.world import EVALUATION_SEEDS, Episodes

QUICK = Backoff(first=0.01, most=0.05)
STEPS = 40
STARTS = [EVALUATION_SEEDS, EVALUATION_SEEDS + 1, EVALUATION_SEEDS + 2]


def steps_to_solve(episodes: Episodes) -> int:
    """Of all rows, which are solved at the end."""
    assert episodes.success[:, -1].all()
    return int(episodes.success.int().argmax(1).max())


def test_who_waits_for_each_answer_does_what_he_does_alone_whatever_the_link() -> None:
    """Where the server dies or a message is lost, the policy begins anew: here from a frame that tells it all."""
    world, delay = Numbered(PushWorld(len(STARTS), DISC)), 0.004
    policy = Shoving(world)
    local = rollout(world, policy, STEPS, seeds=STARTS)
    steps_to_solve(local)
    with served(policy) as port, RemotePolicy(f"ws://127.0.0.1:{port}") as remote:
        assert alike(rollout(world, remote, STEPS, seeds=STARTS), local) and remote.losses == 0
    with contextlib.ExitStack() as server, Relay(server.enter_context(served(policy)), delay=delay, jitter=0.008, drops=0.05, seed=2) as relay:

        def dies(done: int) -> None:
            if done == STEPS // 2:
                server.close()
                relay.cut()
                relay.target = server.enter_context(served(policy))

        with RemotePolicy(f"ws://127.0.0.1:{relay.port}", timeout=2, backoff=QUICK) as remote:
            meter = Metered(remote)
            assert alike(rollout(world, meter, STEPS, seeds=STARTS, progress=dies), local)
        assert remote.losses > len(STARTS), "only the death of the server was noticed"
    latency = meter.latency()
    assert latency.decisions == STEPS / policy.spec.execute and latency.milliseconds > 1000 * 2 * delay * len(STARTS)


@pytest.mark.parametrize("start", STARTS)
def test_who_does_not_wait_solves_the_same_start_within_twice_the_steps(start: int) -> None:
    """With answers that are one to three steps late; steps on which it held aside. It is never made to wait for the link."""
    world, delay, enough = Numbered(PushWorld(1, DISC)), 0.02, 2 * STEPS
    policy = Shoving(world)
    with (
        served(policy) as port,
        Relay(port, delay=delay, jitter=0.02, drops=0.02, seed=start) as relay,
        AsyncRemotePolicy(f"ws://127.0.0.1:{relay.port}", timeout=1, backoff=QUICK) as remote,
    ):
        drive = Drive(remote, world, seed=start, slot=-1)
        drive.go(lambda: remote.executed == enough, pause=0.04)
    assert drive.check() == enough and drive.solved
    assert drive.meter.latency().milliseconds < 1000 * 2 * delay


def test_while_a_killed_server_is_started_again_the_pusher_stands_still_then_goes_on() -> None:
    """Killed by the system, without a goodbye, and at the same port again with an empty memory."""
    world, policy = Numbered(PushWorld(1, DISC)), "tests.serve.robots.shoving"
    with a_process(policy) as (port, process), AsyncRemotePolicy(f"ws://127.0.0.1:{port}", timeout=1, backoff=QUICK) as remote:
        drive = Drive(remote, world, seed=STARTS[0], slot=-1)
        drive.go(lambda: remote.executed == 8)
        process.kill()
        process.wait()
        drive.until(moved=False)
        before, place = drive.check(), drive.place(2)
        with a_process(policy, port):
            for _ in range(10):
                assert not drive.step() and torch.equal(drive.place(2), place)
            drive.until(moved=True, most=20_000, pause=0.05)
            drive.go(lambda: remote.executed == STEPS)
        assert drive.check() == STEPS > before and drive.solved


@pytest.fixture
def arm():
    """A table on which one block is stacked on another, and the expert that works ahead."""
    needs_physics()
    from wam.sim.worlds.tabletop import Expert, TabletopWorld

    world, twin = Numbered(TabletopWorld(1, THINGS["stack"])), TabletopWorld(1, THINGS["stack"])
    twin.reset(torch.tensor([True]), torch.tensor([0]))
    return world, Foreseeing(world, twin, Expert(twin))


def test_the_arm_too_does_what_it_does_alone(arm) -> None:
    world, policy = arm
    local = rollout(world, policy, STEPS, seeds=STARTS[:1])
    steps_to_solve(local)
    with (
        served(policy) as port,
        Relay(port, delay=0.002, jitter=0.004, drops=0.02, seed=3) as relay,
        RemotePolicy(f"ws://127.0.0.1:{relay.port}", backoff=QUICK) as remote,
    ):
        assert alike(rollout(world, remote, STEPS, seeds=STARTS[:1]), local)


def test_the_arm_keeps_the_block_in_its_hand_while_nothing_answers_and_stacks_it_then(arm) -> None:
    world, policy = arm
    with (
        contextlib.ExitStack() as server,
        Relay(server.enter_context(served(policy)), delay=0.01, jitter=0.01) as relay,
        AsyncRemotePolicy(f"ws://127.0.0.1:{relay.port}", timeout=5, backoff=QUICK) as remote,
    ):
        drive = Drive(remote, world, seed=STARTS[0], slot=-1)
        drive.go(lambda: bool(world.world.rows[0].held()), pause=0.05)
        server.close()
        relay.cut()
        drive.until(moved=False)
        for _ in range(20):
            assert not drive.step() and world.world.rows[0].held()
        relay.target = server.enter_context(served(policy))
        drive.go(lambda: remote.executed == STEPS, pause=0.05)
        assert drive.check() == STEPS and drive.solved
