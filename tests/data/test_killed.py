"""Recording is killed at random moments: the set opens each time, and at most the open episode is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.data.toy import assert_same, toy_episode, toy_spec
from wam.data import Recorder, open_dataset


@pytest.mark.parametrize("kills", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_while_recording(tmp_path: Path, kills: int) -> None:
    rng, spec = random.Random(kills), toy_spec()
    root = tmp_path / "set"
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.data.recording_child"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert parent.stdin is not None and parent.stdout is not None
    known = 0
    for _ in range(kills):
        parent.stdin.write(f"{root}\n")
        parent.stdin.flush()
        child = int(parent.stdout.readline())
        time.sleep(rng.uniform(0.0, 0.4))
        os.kill(child, signal.SIGKILL)
        assert parent.stdout.readline() == "ended\n"
        finished = int(root.with_suffix(".done").read_text().split()[-1]) + 1 if root.with_suffix(".done").stat().st_size else 0
        if not (root / "meta" / "info.json").exists():
            assert finished == 0  # killed before the set existed
            continue
        dataset = open_dataset(root)
        assert finished <= len(dataset) <= finished + 1 and len(dataset) >= known
        for number in range(known, len(dataset)):
            assert_same(dataset.read(number), expected(number))
        known = len(dataset)
    parent.stdin.close()
    assert parent.wait(10) == 0
    parent.stdout.close()
    with Recorder(root, spec, resume=True):
        pass
    dataset = open_dataset(root)
    assert len(dataset) == known > 0
    assert dataset.info.total_frames == dataset.frames
    for number in range(0, known, 7):
        assert_same(dataset.read(number), expected(number))
    assert not list(root.rglob("*.writing"))


def expected(number: int):
    return toy_episode(toy_spec(), 3 + number % 5, number, f"task {number % 3}")
