"""`wam train --processes 2` is one command: one run, one answer, one exit status."""

import json
import subprocess
import sys

import pytest

from wam.jobs.record import record_world

pytest.importorskip("accelerate", reason='needs the extra "train"')


def train(data, out):
    words = ["train", "lewm", "--data", str(data), "--out", str(out), "--steps", "2", "--processes", "2", "--json"]
    return subprocess.run([sys.executable, "-m", "wam.cli", *words], capture_output=True, text=True, timeout=240)


def test_two_processes_train_one_run(tmp_path):
    record_world("push", tmp_path / "data", episodes=4, policies={"play": 1.0}, options={"size": 32})
    told = train(tmp_path / "data", tmp_path / "run")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout) == {"run": str(tmp_path / "run")} and "Warning" not in told.stderr
    assert [json.loads(line)["step"] for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()] == [1, 2]


def test_what_fails_in_them_is_explained_as_ever(tmp_path):
    told = train(tmp_path / "nothing", tmp_path / "run")
    assert told.returncode == 2 and "no such folder" in told.stderr and "Traceback" not in told.stderr
