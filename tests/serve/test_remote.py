"""Acting remotely is acting locally, bit for bit, and what happens when the link breaks."""

import dataclasses
import threading
import time

import pytest
import torch

from tests.plan.mocks import LatentIntegrator, PointWorld
from tests.serve.mocks import LARGE, SEES, SENTENCES, WIDE, Robot, Staring, Summing, Walking, alike, served
from tests.serve.relay import Relay
from wam.plan import CEM, GoalImage
from wam.plan.control import RecedingHorizon, rollout
from wam.serve import AsyncRemotePolicy, Backoff, Keys, Limits, LinkLost, RemoteError, RemotePolicy
from wam.serve.remote import as_seen
from wam.world import Noise, Observation, Past, SpecError, Task

QUICK = Backoff(first=0.01, most=0.05)


@pytest.mark.parametrize("per_step", [1, 2])
@pytest.mark.parametrize("instructed", [False, True])
def test_a_remote_rollout_equals_the_local_one(per_step: int, instructed: bool) -> None:
    """Every frame, executed action, prompt, goal and chance of every row goes into these actions."""
    policy = Summing(per_step=per_step, instructed=instructed, goal_conditioned=True)
    world = Robot(3, per_step, SENTENCES if instructed else ())
    local = rollout(world, policy, 9, seeds=[4, 5, 6], noise=Noise.of([1, 2, 3]).fork("policy"))
    with served(policy) as port, RemotePolicy(f"ws://127.0.0.1:{port}") as remote:
        assert remote.spec == policy.spec
        assert alike(rollout(world, remote, 9, seeds=[4, 5, 6], noise=Noise.of([1, 2, 3]).fork("policy")), local)
        again = rollout(world, remote, 9, seeds=[4, 5, 6], noise=Noise.of([7, 2, 3]).fork("policy"))
        assert torch.equal(again.actions.low_level[1:], local.actions.low_level[1:]) and not alike(again, local)


def test_an_instruction_that_the_policy_does_not_know_is_refused_at_once() -> None:
    with served(Summing(instructed=True)) as port, RemotePolicy(f"ws://127.0.0.1:{port}") as remote:
        with pytest.raises(SpecError, match=rf"the instructions are \[0, 99\], the served policy knows {len(SENTENCES)}"):
            remote.begin(2, Task(instruction=torch.tensor([0, 99])))
        remote.begin(2, Task(instruction=torch.tensor([0, -1])))


def test_so_does_planning_in_a_world_model() -> None:
    policy = RecedingHorizon(LatentIntegrator(), CEM(samples=40, iterations=3, elites=8), GoalImage(), horizon=5, execute=2)
    local = rollout(PointWorld(1), policy, 8, seeds=[3], noise=Noise.of([9]))
    with served(policy) as port, RemotePolicy(f"ws://127.0.0.1:{port}") as remote:
        assert alike(rollout(PointWorld(1), remote, 8, seeds=[3], noise=Noise.of([9])), local)


def test_a_row_can_begin_again_while_the_others_go_on() -> None:
    policy, world = Summing(), Robot(2)
    since = rollout(world, policy, 2, seeds=[1, 2])
    first = Past(observation=since.observation.narrow("T", 0, 1), actions=since.actions.narrow("T", 0, 1))
    more = Past(observation=since.observation.narrow("T", 1), actions=since.actions.narrow("T", 1))
    with served(policy) as port, RemotePolicy(f"ws://127.0.0.1:{port}") as remote:
        told = []
        for acting, noise in ((policy, Noise.of([0, 0])), (remote, Noise.of([0, 0]))):
            memory, _ = acting.act(acting.begin(2, Task()), first, noise=noise)
            memory = acting.begin(2, Task()).where(torch.tensor([True, False]), memory)
            told.append(acting.act(memory, more, noise=noise)[1])
        assert torch.equal(told[0].low_level, told[1].low_level)
        assert len(remote.links) == 2


def test_a_memory_that_was_copied_or_is_old_is_refused() -> None:
    policy = Summing()
    first = rollout(Robot(1), policy, 1, seeds=[1])
    since = Past(observation=first.observation.narrow("T", 0, 1), actions=first.actions.narrow("T", 0, 1))
    with served(policy) as port, RemotePolicy(f"ws://127.0.0.1:{port}") as remote:
        memory = remote.begin(1, Task())
        remote.act(memory, since)
        with pytest.raises(SpecError, match="asked 1 times, the memory says 0"):
            remote.act(memory, since)
        with pytest.raises(SpecError, match="copied"):
            remote.act(remote.begin(1, Task()).repeat(2), since.repeat(2))


def test_a_goal_that_cannot_be_sent_is_refused_where_one_is_needed() -> None:
    stated = Task(goal_state=PointWorld(1).reset(torch.tensor([True]), torch.tensor([1]))[1].goal_state)
    with served(Summing(goal_conditioned=True)) as port:
        for make in (RemotePolicy, AsyncRemotePolicy):
            with make(f"ws://127.0.0.1:{port}") as remote:
                with pytest.raises(SpecError, match="the task has a goal that is a Physical, which cannot be sent"):
                    remote.begin(1, stated)
                with pytest.raises(SpecError, match="the task has no goal"):
                    remote.begin(1, Task())
    with served(Summing()) as port, RemotePolicy(f"ws://127.0.0.1:{port}") as remote:
        remote.begin(1, stated)  # to it a goal means nothing


def test_instructions_that_the_policy_does_not_know_are_refused() -> None:
    with served(Summing(instructed=True)) as port:
        for make in (RemotePolicy, AsyncRemotePolicy):
            with make(f"ws://127.0.0.1:{port}") as remote, pytest.raises(SpecError, match=r"the instructions are \[7\], the served policy knows 2"):
                remote.begin(1, Task(instruction=torch.tensor([7])))


def test_the_servers_complaints_arrive(monkeypatch) -> None:
    monkeypatch.delenv("WAM_TOKEN", raising=False)
    with served(Summing(), token="secret") as port:
        with pytest.raises(RemoteError, match=r"refuses this client: the token is missing or wrong.* token=, or WAM_TOKEN"):
            RemotePolicy(f"ws://127.0.0.1:{port}", patience=1)
        with RemotePolicy(f"ws://127.0.0.1:{port}", token="secret") as remote:
            since = rollout(Robot(1), Summing(), 1, seeds=[1])
            wrong = Past(observation=since.observation.narrow("T", 0, 1), actions=since.actions.narrow("T", 0, 1)).map(
                lambda axes, leaf: leaf * torch.nan if leaf.is_floating_point() and axes[-1] == "P" else leaf
            )
            with pytest.raises(RemoteError, match="'observation/state' has numbers that are not finite"):
                remote.act(remote.begin(1, Task()), wrong)


def test_a_token_may_stand_in_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("WAM_TOKEN", "secret")
    with served(Summing(), token="secret") as port:
        for client in (RemotePolicy, AsyncRemotePolicy):
            with client(f"ws://127.0.0.1:{port}", patience=1) as remote:
                assert remote.spec.acts == Summing().spec.acts
            with pytest.raises(RemoteError, match="the token is missing or wrong"):
                client(f"ws://127.0.0.1:{port}", token="another", patience=1)


def test_where_no_server_answers_it_says_so() -> None:
    with pytest.raises(LinkLost, match=r"no server answers at ws://127.0.0.1:9 .*Is `wam serve` running"):
        RemotePolicy("ws://127.0.0.1:9", patience=0.05, backoff=QUICK)
    waits = Backoff(first=0.1, factor=2, most=0.5).waits()
    assert [round(next(waits), 3) for _ in range(5)] == [0.1, 0.2, 0.4, 0.5, 0.5]


def test_a_cut_link_and_a_swallowed_answer_begin_anew_and_an_action_is_given_once() -> None:
    """A walk by absolute places: after each loss the policy goes on from the last frame."""
    with (
        served(Walking(chunk=4, execute=2)) as port,
        Relay(port) as relay,
        RemotePolicy(f"ws://127.0.0.1:{relay.port}", timeout=0.2, patience=5, backoff=QUICK) as remote,
    ):

        def trouble(done: int) -> None:
            if done == 4:
                relay.cut()
            if done == 8:
                relay.swallow = True
                threading.Timer(0.3, lambda: setattr(relay, "swallow", False)).start()

        episodes = rollout(Robot(1), remote, 12, seeds=[0], progress=trouble)
        assert episodes.actions.low_level[0, 1:, 0, 0].tolist() == list(range(1, 13))
        assert remote.losses >= 1 and relay.connections >= 3


def test_a_line_that_goes_silent_in_the_middle_of_a_message_is_given_up() -> None:
    """Pictures fill every buffer on the way, and nobody reads on."""
    since = Past(observation=LARGE.sample(1, 1), actions=Staring().spec.acts.nothing(1, 1))
    with served(Staring(), limits=WIDE) as port, Relay(port) as relay:
        relay.most = 2**20
        with RemotePolicy(f"ws://127.0.0.1:{relay.port}", timeout=0.5, patience=1, backoff=QUICK) as remote:
            started = time.monotonic()
            with pytest.raises(LinkLost, match=r"did not answer within 0.5 s. Pass a larger timeout="):
                remote.act(remote.begin(1, Task()), since)
            assert time.monotonic() - started < 10
            started = time.monotonic()
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("address", ["http://127.0.0.1:1", "127.0.0.1:8000", "localhost:8000", "ws://", "ws://robot:brain", "ws://robot..brain:8000"])
def test_an_address_of_another_kind_is_refused_at_once(address: str) -> None:
    for client in (RemotePolicy, AsyncRemotePolicy):
        with pytest.raises(SpecError, match=r"expected ws://host:port"):
            client(address, patience=0.05)


def test_more_rows_than_the_server_lets_in_are_refused_at_once_and_a_full_server_is_not_the_networks_fault() -> None:
    since = Past(observation=SEES.sample(1, 1), actions=Summing().spec.acts.nothing(1, 1))
    with served(Summing(), limits=Limits(clients=2)) as port, RemotePolicy(f"ws://127.0.0.1:{port}", patience=0.1, backoff=QUICK) as remote:
        with pytest.raises(SpecError, match=r"3 rows are that many clients of ws://.*, which lets 2 in at once. Ask in smaller batches"):
            remote.begin(3, Task())
        remote.act(remote.begin(2, Task()), since.repeat(2))
        for client in (RemotePolicy, AsyncRemotePolicy):
            with pytest.raises(LinkLost, match=r"let this client wait for 0.1 s: 2 clients are connected, which is the limit"):
                client(f"ws://127.0.0.1:{port}", patience=0.1, backoff=QUICK)


@pytest.mark.parametrize("later", [False, True], ids=["with the same", "with what is seen later"])
def test_after_a_lost_link_all_rows_can_be_asked_again(later: bool) -> None:
    """Row 0 had its answer: it is not asked for it again, but begins anew where more was seen since."""
    policy, world, noise = Summing(), Robot(2), Noise.of([1, 2])
    seen = rollout(world, policy, 3, seeds=[1, 2])
    first, more = (Past(observation=seen.observation.narrow("T", *at), actions=seen.actions.narrow("T", *at)) for at in ((0, 1), (1, 3)))
    with served(policy) as port, Relay(port) as relay, RemotePolicy(f"ws://127.0.0.1:{relay.port}", timeout=2, patience=0.1, backoff=QUICK) as remote:
        memory = remote.begin(2, Task())
        relay.target = 9  # nobody is there: row 0 has a connection, row 1 gets none
        with pytest.raises(LinkLost):
            remote.act(memory, first, noise=noise)
        relay.target = port
        if not later:
            memory, again = remote.act(memory, first, noise=noise)
            local, wanted = policy.act(policy.begin(2, Task()), first, noise=noise)
            assert torch.equal(again.low_level, wanted.low_level) and remote.losses == 0
            told, wanted = remote.act(memory, more, noise=noise)[1], policy.act(local, more, noise=noise)[1]
            assert torch.equal(told.low_level, wanted.low_level)
        else:
            told = remote.act(memory, more, noise=noise)[1]
            last = Past(observation=more.observation.narrow("T", -1), actions=more.actions.narrow("T", -1))
            for row, known in ((0, last), (1, more)):
                wanted = policy.act(policy.begin(2, Task()), known, noise=noise)[1]
                assert torch.equal(told.low_level[row], wanted.low_level[row])
            assert remote.losses == 1


def test_an_answer_that_is_late_says_how_long_it_was_waited_for() -> None:
    enough = threading.Event()

    class Slow(Summing):
        def act(self, memory, since, *, noise=None):
            assert enough.wait(10)
            return super().act(memory, since, noise=noise)

    since = Past(observation=SEES.sample(1, 1), actions=Slow().spec.acts.nothing(1, 1))
    with served(Slow()) as port, RemotePolicy(f"ws://127.0.0.1:{port}", timeout=0.2, patience=0) as remote:
        try:
            with pytest.raises(LinkLost, match=r"did not answer within 0.2 s. Pass a larger timeout="):
                remote.act(remote.begin(1, Task()), since)
        finally:
            enough.set()


def test_where_a_message_cannot_show_all_that_was_seen_it_begins_anew_with_the_last_frame() -> None:
    """Each frame with its step takes 101 bytes: four fit, of as many as are allowed."""
    policy, limits = Summing(), Limits(message_bytes=1500)
    seen, noise = rollout(Robot(1), policy, 6, seeds=[1]), Noise.of([7])
    past = Past(observation=seen.observation, actions=seen.actions)
    assert limits.instants(policy.spec) == 4
    with served(policy, limits=limits) as port, RemotePolicy(f"ws://127.0.0.1:{port}", patience=1) as remote:
        for stop, start in ((4, 0), (5, 4)):
            shown, known = (past.map(lambda axes, leaf, first=first, stop=stop: leaf[:, first:stop]) for first in (0, start))
            told, wanted = remote.act(remote.begin(1, Task()), shown, noise=noise)[1], policy.act(policy.begin(1, Task()), known, noise=noise)[1]
            assert torch.equal(told.low_level, wanted.low_level) and remote.losses == 0


def test_of_a_goal_only_what_the_policy_could_see_is_sent() -> None:
    """A world may show goals of another kind, of which a policy that needs none must not hear."""
    goal = SEES.sample(1, 1)
    larger = {"front": torch.zeros(1, 1, 3, 8, 8, dtype=torch.uint8), "wrist": goal.rgb["wrist"], "top": goal.rgb["wrist"]}
    seen = as_seen(dataclasses.replace(goal, rgb=larger, proprio=torch.zeros(1, 1, 5)), SEES)
    assert list(seen.rgb) == ["wrist"] and seen.proprio is None
    assert list(Keys.of(SEES).told(seen, prefix="goal/")) == ["goal/observation/wrist_image"]
    assert alike(as_seen(goal, SEES), goal) and Keys.of(SEES).told(as_seen(Observation(proprio=torch.zeros(1, 1, 5)), SEES)) == {}
