"""Two processes with half of each batch learn what one process with the whole batch learns."""

import builtins
import json
import socket
from pathlib import Path

import pytest
import torch

from wam.train import Stage, load
from wam.train.order import Order
from wam.train.processes import Alone, processes

from .tiny import CONTEXT, learner, logged, member, require_equal, train

TOLERANCE = 1e-5  # relative, of losses and weights after 40 steps: sums in another order


def together(folder: Path, count: int, alarm: int | None = None, resume: bool = False) -> list[int | None]:
    """Train in `count` processes; the last one presses Ctrl-C in step `alarm`. Exit statuses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    team = [CONTEXT.Process(target=member, args=(folder, index, count, port, alarm if index == count - 1 else None, resume)) for index in range(count)]
    for process in team:
        process.start()
    for process in team:
        process.join(timeout=240)
        process.kill()  # one that hangs is a failure, not a wait without end
        process.join()
    return [process.exitcode for process in team]


def test_two_processes_learn_what_one_does_and_stop_and_resume_together(tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason='needs the extra "train"')
    assert together(tmp_path / "one", 1) == [0] and together(tmp_path / "two", 2) == [0, 0]

    one, two = logged(tmp_path / "one"), logged(tmp_path / "two")
    assert [line["step"] for line in two] == list(range(1, 41))
    for a, b in zip(one, two, strict=True):
        assert a["losses"]["prediction"] == pytest.approx(b["losses"]["prediction"], rel=TOLERANCE)
        assert a["gradient_norm"] == pytest.approx(b["gradient_norm"], rel=10 * TOLERANCE)
    alone, shared = load(tmp_path / "one"), load(tmp_path / "two")
    for name, value in alone.weights.items():
        if name != "seen":  # a buffer: each process sees its own share
            torch.testing.assert_close(value, shared.weights[name], rtol=TOLERANCE, atol=TOLERANCE)

    order = Order(50, 16, 0, "world")
    shares = [json.loads((tmp_path / "two" / f"asked-{index}.json").read_text()) for index in range(2)]
    assert [[*left, *right] for left, right in zip(*shares, strict=True)] == [order.indices(step).tolist() for step in range(40)]

    assert together(tmp_path / "cut", 2, alarm=13) == [130, 130]
    assert load(tmp_path / "cut").place.step == 15  # several agree on stopping when they write the log
    assert together(tmp_path / "cut", 2, resume=True) == [0, 0]
    require_equal(tmp_path / "two", tmp_path / "cut")


def test_one_process_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    team = processes("cpu")
    assert type(team) is Alone and (team.index, team.count) == (0, 1)
    assert team.agree(True) and not team.agree(False) and team.mean(torch.ones(2)).tolist() == [1.0, 1.0]


def test_several_processes_without_accelerate_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: object) -> object:
        if name == "accelerate":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r'pip install "wam\[train\]"'):
        processes("cpu")


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Three(Alone):
        count = 3

    monkeypatch.setattr("wam.train.loop.processes", Three)
    with pytest.raises(ValueError, match="16 windows cannot be shared by 3"):
        train(tmp_path / "run", stages=(Stage("world", learner()),))
