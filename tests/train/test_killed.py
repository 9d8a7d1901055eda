"""SIGKILL at random moments, then resume: the same bytes as a run that nobody disturbed."""

import random
import time
from pathlib import Path

import pytest

from .tiny import CONTEXT, FILE, life, require_equal


def lines(folder: Path) -> int:
    return (folder / FILE).read_bytes().count(b"\n") if (folder / FILE).exists() else 0


def killed_and_resumed(tmp_path: Path, kills: int, steps: int) -> None:
    """Each life ends some milliseconds after the log has reached a random step, often while a checkpoint is written."""
    moments = random.Random(kills)
    targets = sorted(moments.randrange(int(1.4 * steps)) for _ in range(kills))
    undisturbed = CONTEXT.Process(target=life, args=(tmp_path / "whole", steps))
    undisturbed.start()
    undisturbed.join()
    assert undisturbed.exitcode == 0
    for target in targets:
        process = CONTEXT.Process(target=life, args=(tmp_path / "cut", steps))
        process.start()
        while process.is_alive() and lines(tmp_path / "cut") < target:
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.02))
        process.kill()
        process.join()
        assert process.exitcode == -9, "it ended before it was killed: give it more steps"
    last = CONTEXT.Process(target=life, args=(tmp_path / "cut", steps))
    last.start()
    last.join()
    assert last.exitcode == 0
    require_equal(tmp_path / "whole", tmp_path / "cut")


def test_three_kills_leave_no_trace(tmp_path: Path) -> None:
    killed_and_resumed(tmp_path, kills=3, steps=60)


@pytest.mark.slow
def test_twenty_kills_leave_no_trace(tmp_path: Path) -> None:
    killed_and_resumed(tmp_path, kills=20, steps=200)
