"""The server on a socket, met by a client that behaves as openpi's does."""

import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from tests.serve.mocks import SEES, SENTENCES, OpenpiClient, Summing, message, openpi_bytes, served
from wam.serve import Keys, Limits, PolicyServer, Session
from wam.world import PolicySpec, SpecError

UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "MDEyMzQ1Njc4OWFiY2RlZg=="}


def local(policy) -> Session:
    return Session(policy, Keys.of(SEES), Limits())


def get(port: int, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path, headers=headers)
    reply = connection.getresponse()
    found = reply.status, reply.read().decode()
    connection.close()
    return found


def test_a_robot_client_connects_unchanged() -> None:
    with served(Summing(instructed=True, per_step=2), name="summing") as port, OpenpiClient(port) as client:
        told = client.metadata
        assert (
            told["policy"] == "summing"
            and told["prompts"] == list(SENTENCES)
            and PolicySpec.from_dict(told["spec"]) == Summing(instructed=True, per_step=2).spec
        )
        assert told["inputs"]["observation/image"] == {"shape": [4, 6, 3], "dtype": "uint8", "camera": "front"}
        assert [slot["name"] for slot in told["inputs"]["observation/state"]["slots"]] == ["place", "count"]
        assert told["actions"]["shape"] == [6, 2] and told["actions"]["slots"][0]["unit"] == "m" and told["actions"]["slots"][1]["relative"]
        assert (told["rate"], told["chunk"], told["execute"]) == (20.0, 6, 4)
        json.dumps(told)
        talk = local(Summing(instructed=True, per_step=2))
        for number in range(3):
            reply = client.infer(message(number))
            assert reply["actions"].dtype == np.float32 and np.array_equal(reply["actions"], talk.answer(message(number))["actions"])
            assert all(len(value) == 6 for value in reply.values() if isinstance(value, np.ndarray)), "chunk brokers index every array"
            assert ("prev_total_ms" in reply["server_timing"]) == (number > 0) and reply["server_timing"]["infer_ms"] > 0


def test_clients_have_memories_of_their_own() -> None:
    with served(Summing()) as port, OpenpiClient(port) as one, OpenpiClient(port) as two:
        talks = [Session(Summing(), Keys.of(SEES), Limits(), seed=seed) for seed in (0, 1)]
        for client, talk, number in ((one, 0, 1), (two, 1, 2), (one, 0, 3), (one, 0, 4), (two, 1, 3)):
            assert np.array_equal(client.infer(message(number))["actions"], talks[talk].answer(message(number))["actions"])


@pytest.mark.parametrize(
    ("sent", "words", "code"),
    [
        ({**message(), "observation/state": np.array([np.nan, 0])}, "not finite", 1007),
        ({**message(), "prompt": "fold the shirt"}, "none of the 2 instructions", 1007),
        (b"\xc1", "no MessagePack", 1007),
        ("hello", "a text frame came", 1007),
    ],
)
def test_an_error_is_a_text_frame_then_a_close_code_and_others_go_on(sent, words, code) -> None:
    with served(Summing(instructed=True)) as port, OpenpiClient(port) as other:
        with OpenpiClient(port) as client:
            if isinstance(sent, dict):
                with pytest.raises(RuntimeError, match=words):
                    client.infer(sent)
            else:
                client.connection.send(sent)
                assert words in client.connection.recv()
            assert client.closed() == code
        other.infer(message())


def test_a_policy_that_fails_is_logged_here_and_not_explained_to_strangers(caplog) -> None:
    class Failing(Summing):
        def act(self, memory, since, *, noise=None):
            raise KeyError("a secret path")

    with served(Failing()) as port, OpenpiClient(port) as client, caplog.at_level(logging.ERROR):
        with pytest.raises(RuntimeError, match=r"the policy failed \(KeyError\)") as found:
            client.infer(message())
        assert "secret" not in str(found.value) and "a secret path" in caplog.text and client.closed() == 1011


def test_a_policy_says_whether_it_needs_a_goal() -> None:
    goal = {f"goal/{key}": value for key, value in message(1).items() if key != "prompt"}
    with served(Summing(goal_conditioned=True)) as port, OpenpiClient(port) as client:
        assert sorted(client.metadata["goal"]) == sorted(goal)
        client.infer({**message(0), **goal})
        with pytest.raises(RuntimeError, match=r"no goal came, and this policy needs one: send \['goal/observation/image'.* with the first message"):
            client.infer({**message(0), "reset": True})
    with served(Summing()) as port, OpenpiClient(port) as client:
        assert client.metadata["goal"] == []
        with pytest.raises(RuntimeError, match="a goal came, and this policy reads none"):
            client.infer({**message(0), **goal})


def test_limits_of_size_rate_and_clients() -> None:
    with served(Summing(), limits=Limits(message_bytes=2000, per_second=5, clients=1)) as port:
        with OpenpiClient(port) as client:
            with OpenpiClient(port) as second:
                assert "1 clients are connected" in second.metadata and second.closed() == 1013
            client.connection.send(b"\0" * 3000)
            assert client.closed() == 1009
        with OpenpiClient(port) as client:
            for _ in range(5):
                client.infer(message())
            with pytest.raises(RuntimeError, match="more than 5 messages in a second"):
                client.infer(message())
            assert client.closed() == 1008


@pytest.mark.parametrize(
    ("field", "value"),
    [("message_bytes", 0), ("per_second", 0), ("frames", -1), ("clients", 0), ("infer_seconds", 0.0), ("infer_seconds", float("nan")), ("idle_seconds", -1.0)],
)
def test_limits_that_let_nobody_be_answered_are_refused(field: str, value: float) -> None:
    with pytest.raises(SpecError, match=rf"Limits\.{field} is {value}, expected .*(at least 1|above 0)"):
        Limits(**{field: value})


@pytest.mark.parametrize("limits", [Limits(frames=2), Limits(message_bytes=1200)])
def test_limits_under_which_no_step_could_be_told_are_refused_at_the_start(limits: Limits) -> None:
    """Three steps are executed between two messages; each frame with its step takes 101 bytes."""
    with pytest.raises(SpecError, match=r"executes 3 steps between two messages, so one may show 3 instants in .* \(wam serve --frames, --message-mib\)"):
        PolicyServer(Summing(execute=3), limits=limits)
    PolicyServer(Summing(execute=1), limits=limits)


def test_who_is_not_let_in_counts_for_nothing_and_who_is_sent_away_takes_no_place() -> None:
    """Also while it does not answer to the farewell."""
    with served(Summing(), limits=Limits(clients=1)) as port:
        with OpenpiClient(port), OpenpiClient(port) as second:
            assert "1 clients are connected" in second.metadata
        with socket.create_connection(("127.0.0.1", port)) as silent, silent.makefile("rb") as told:
            lines = ["GET / HTTP/1.1", "Host: robot", *(f"{name}: {value}" for name, value in UPGRADE.items()), "", ""]
            silent.sendall("\r\n".join(lines).encode())
            while told.readline().strip():
                pass
            silent.sendall(b"\x81\x81\0\0\0\0x")  # the text "x"; what comes back is not read
            time.sleep(0.2)
            with OpenpiClient(port) as client:
                wanted = Session(Summing(), Keys.of(SEES), Limits(), seed=2).answer(message())  # the third that was let in
                assert np.array_equal(client.infer(message())["actions"], wanted["actions"])


def test_a_slow_policy_does_not_block_health_and_is_given_up_in_time() -> None:
    thinking, enough = threading.Event(), threading.Event()

    class Slow(Summing):
        def act(self, memory, since, *, noise=None):
            thinking.set()
            assert enough.wait(10)
            return super().act(memory, since, noise=noise)

    with served(Slow(), token="t", limits=Limits(infer_seconds=0.3)) as port, OpenpiClient(port, token="t") as client:
        client.connection.send(openpi_bytes(message()))
        assert thinking.wait(5)
        assert get(port, "/healthz") == (200, "OK\n")
        assert "no answer within 0.3 s" in client.connection.recv() and client.closed() == 1011
        enough.set()


def test_a_client_that_goes_leaves_its_place_and_its_question() -> None:
    enough, begun = threading.Event(), []

    class Slow(Summing):
        def act(self, memory, since, *, noise=None):
            begun.append(since)
            assert enough.wait(10)
            return super().act(memory, since, noise=noise)

    with served(Slow(), limits=Limits(clients=2)) as port:
        for _ in range(2):
            with OpenpiClient(port) as hasty:
                hasty.connection.send(openpi_bytes(message()))
        for _ in range(500):  # until the server has noticed
            with OpenpiClient(port) as client:
                if not isinstance(client.metadata, str):
                    enough.set()
                    client.infer(message())
                    break
            time.sleep(0.01)
    assert len(begun) == 2  # the first one's, which was under way, and the last one's


def test_an_idle_client_is_sent_away() -> None:
    with served(Summing(), limits=Limits(idle_seconds=0.05)) as port, OpenpiClient(port) as client:
        assert "no message for 0.05 s" in client.connection.recv(2) and client.closed() == 1001


def test_a_token_is_asked_for_and_web_pages_stay_out() -> None:
    with served(Summing(), token="secret") as port:
        for token in (None, "wrong"):
            with pytest.raises(Exception, match="401"):
                OpenpiClient(port, token)
        with OpenpiClient(port, "secret") as client:
            client.infer(message())
        assert get(port, "/", Authorization="Api-Key secret", Origin="http://evil.example", **UPGRADE)[0] == 403
        assert get(port, "/healthz")[0] == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "robot.local"])
def test_others_come_in_only_with_a_token(host) -> None:
    with pytest.raises(SpecError, match="can be reached from other machines"):
        PolicyServer(Summing(), host=host)
    PolicyServer(Summing(), host=host, token="t")
    for loopback in ("127.0.0.1", "::1", "localhost", "127.8.8.8"):
        PolicyServer(Summing(), host=loopback)


def test_at_the_end_clients_are_told_to_go() -> None:
    with served(Summing()) as port:
        client = OpenpiClient(port)
        client.infer(message())
    assert client.closed() == 1001


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_cleanly(number) -> None:
    script = (
        "from tests.serve.mocks import Summing; from wam.serve import PolicyServer; "
        "PolicyServer(Summing(), port=0).run_until_signal(lambda port: print(port, flush=True)); print('ended', flush=True)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert process.stdout is not None
    try:
        with process.stdout as told:
            port = int(told.readline())
            with OpenpiClient(port) as client:
                client.infer(message())
                process.send_signal(number)
                assert client.closed() == 1001
            assert told.read() == "ended\n" and process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
