"""Serving a run: what a person is told, and that a signal ends it."""

import io
import os
import re
import signal
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console

import wam.jobs.serve as job
from tests.plan.mocks import DoubleIntegrator
from tests.serve.mocks import OpenpiClient, Summing, message
from wam.plan import CEM, GoalImage
from wam.plan.control.receding import RecedingHorizon
from wam.serve import Keys, Limits, PolicyServer
from wam.world import SpecError


@pytest.fixture
def run(monkeypatch, tmp_path):
    """A run whose policy is a mock."""
    asked = []
    monkeypatch.setattr(
        job, "load", lambda folder, device: asked.append((folder, device)) or SimpleNamespace(name="summing tiny", policy=lambda plan: Summing())
    )
    return SimpleNamespace(folder=tmp_path, asked=asked)


def test_it_says_where_and_what_then_answers_until_ctrl_c(run) -> None:
    written, failures = io.StringIO(), []
    console = Console(file=written, width=200)
    announced = threading.Event()

    def robot() -> None:
        try:
            assert announced.wait(5)
            with OpenpiClient(int(re.search(r"ws://127\.0\.0\.1:(\d+)", written.getvalue())[1])) as client:
                assert client.metadata["policy"] == "summing tiny"
                client.infer(message())
        except BaseException as error:
            failures.append(error)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    printing = console.print

    def told(line: str, **settings) -> None:
        printing(line, **settings)
        if "Ctrl-C" in line:
            announced.set()

    console.print = told
    robots = threading.Thread(target=robot)
    robots.start()
    job.serve(run.folder, port=0, console=console)
    robots.join()
    assert not failures and run.asked == [(run.folder, "cpu")]
    text = written.getvalue()
    for words in (
        "serving summing tiny at ws://127.0.0.1:",
        "in   observation/image: camera front, uint8 (4, 6, 3), channels last",
        "in   observation/state: place, count",
        "out  actions (3, 2) at 10 Hz, of which 2 are to be executed",
        "target [m], forward (change)",
        "open to this machine only",
        "stopped 1 clients were served",
    ):
        assert words in text, words


def test_a_planner_says_how_to_send_it_a_goal() -> None:
    planner = RecedingHorizon(DoubleIntegrator(), CEM(), GoalImage(), horizon=2)
    planner.spec = replace(planner.spec, observes=Summing().spec.observes)  # as a model of pictures would see
    text = "\n".join(job.announcement(PolicyServer(planner), 7))
    assert "goal goal/observation/image, goal/observation/wrist_image: how it should look" in text and "with the first message" in text
    assert "goal/" not in "\n".join(job.announcement(PolicyServer(Summing()), 7))


def test_prompts_tables_and_tokens_are_announced() -> None:
    keys = Keys(cameras={"top": "front", "hand": "wrist"}, proprio={"joints": 1, "gripper": 1}, prompt="task")
    server = PolicyServer(Summing(instructed=True, per_step=2), host="::1", token="t", keys=keys)
    text = "\n".join(job.announcement(server, 7))
    for words in (
        "ws://[::1]:7",
        "top: camera front",
        "joints: place",
        "gripper: count",
        "task: one of 2 instructions",
        "actions (6, 2) at 20 Hz, of which 4",
        "token",
    ):
        assert words in text, words


def test_limits_are_announced() -> None:
    limits = Limits(clients=3, per_second=500, frames=20, message_bytes=3 * 2**19, infer_seconds=0.5, idle_seconds=1800)
    text = "\n".join(job.announcement(PolicyServer(Summing(), limits=limits), 7))
    assert "for  3 robots at once; of each 500 messages a second, with 20 instants in 1.5 MiB" in text
    assert "given up: an answer after 0.5 s, a robot after 1800 s without a message" in text


def test_others_are_let_in_only_with_a_token(run) -> None:
    with pytest.raises(SpecError, match="Pass a token"):
        job.serve(run.folder, host="0.0.0.0")
