"""The command line: every verb explains itself; JSON is JSON; errors explain and exit with 2."""

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from wam.cli import app, options

RUN = CliRunner()
VERBS = (
    "list",
    "card",
    "record",
    "train",
    "export",
    "imagine",
    "control",
    "compare",
    "check",
    "demo",
    "cross-validate",
    "data inspect",
    "data check",
    "data convert",
)


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(verb):
    answer = RUN.invoke(app, [*verb.split(), "--help"])
    assert answer.exit_code == 0 and "Example" in answer.output


def test_list_and_card_as_json():
    assert {"name", "paper", "reference", "cells", "uses", "conforms", "uses_conditions", "learns", "mechanism", "stale"} <= json.loads(
        RUN.invoke(app, ["list", "--json"]).output
    )[0].keys()
    assert json.loads(RUN.invoke(app, ["card", "lewm", "--json"]).output)["paper"] == "2603.19312"


def test_options_are_read_as_json_where_they_are():
    assert options(["size=64", "task=play", 'shapes=["disc"]']) == {"size": 64, "task": "play", "shapes": ("disc",)}
    with pytest.raises(ValueError, match="NAME=VALUE"):
        options(["size"])


def test_record_inspect_check_train_imagine_control(tmp_path):
    """The whole day of a frame, at the smallest size."""
    data, run = str(tmp_path / "data"), str(tmp_path / "run")
    for arguments in (
        ["record", "push", "--out", data, "--episodes", "12", "--policies", "play"],
        ["data", "inspect", data, "--sheet", str(tmp_path / "sheet.png")],
        ["data", "check", data],
        ["train", "lewm", "--data", data, "--out", run, "--steps", "3"],
        ["imagine", run, "--data", data, "--windows", "16", "--horizon", "3"],
        ["export", run, "--out", str(tmp_path / "small")],
    ):
        answer = RUN.invoke(app, [*arguments, "--json"])
        assert answer.exit_code == 0, (arguments, answer.output, answer.exception)
        json.loads(answer.stdout)
    assert (tmp_path / "sheet.png").exists() and (tmp_path / "run" / "report.html").exists()


def test_errors_explain_without_a_traceback():
    done = subprocess.run([sys.executable, "-m", "wam.cli", "card", "lewn"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Did you mean 'lewm'" in done.stderr and "Traceback" not in done.stderr
