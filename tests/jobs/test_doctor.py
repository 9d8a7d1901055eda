"""Every trial does its work here; what is missing or broken is a finding with a remedy, not a traceback."""

import json
import sys
from importlib import metadata

import pytest
from typer.testing import CliRunner

import wam.jobs.doctor as job
from wam.cli import app
from wam.train import Stopped


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(job, "TRIED", 2)


def test_everything_that_is_installed_for_tests_works(quick):
    told, tried = [], []
    found = job.doctor(told.append, lambda what: tried.append((what, len(told))))
    assert [found[before].what for _, before in tried] == [what for what, _ in tried] == ["data sets", "MuJoCo's pictures", "training"]
    assert told == found and not [finding for finding in found if finding.ok is False]
    by_name = {finding.what: finding for finding in found}
    assert metadata.version("pyarrow") in by_name["extra data"].found
    assert by_name["data sets"].ok and "4 episodes" in by_name["data sets"].found
    assert by_name["training"].ok and "windows/s" in by_name["training"].found


def test_stopping_it_gives_no_advice_for_a_folder_that_is_gone(monkeypatch, capsys):
    def stopped(*_, **__):
        print("To go on, run the same command with --resume", file=sys.stderr)
        raise Stopped

    monkeypatch.setattr("wam.recipes.train_recipe", stopped)
    with pytest.raises(Stopped):
        job.training()
    assert "--resume" not in capsys.readouterr().err


def test_what_is_not_installed_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setattr(job, "_version", lambda package: "" if package == "av" else "1.0")
    assert job.extra("data") == job.Part(what="extra data", ok=None, found="av missing, pillow 1.0, pyarrow 1.0", remedy='pip install "wam[data]".')
    assert "environment of its own" not in job.extra("sim").remedy and job.extra("sim").ok


@pytest.mark.parametrize(
    ("error", "ok", "found"),
    [
        (ImportError('this needs MuJoCo: pip install "wam[sim]"'), None, "not tried"),
        (ImportError("libEGL.so.1: cannot open shared object file"), False, "ImportError"),
        (RuntimeError("no display"), False, "RuntimeError"),
    ],
)
def test_a_trial_that_fails_says_why(error, ok, found):
    def trial() -> str:
        raise error

    assert job.tried("pictures", trial) == job.Part(what="pictures", ok=ok, found=found, remedy=str(error))


def test_the_command_fails_where_something_does(monkeypatch):
    broken = job.Part(what="pictures", ok=False, found="RuntimeError", remedy="no display [EGL]")
    for findings, code in (([broken], 1), ([job.Part(what="data", ok=True, found="written")], 0)):
        monkeypatch.setattr(job, "doctor", lambda tell, trying, findings=findings: [tell(finding) or finding for finding in findings])
        done = CliRunner().invoke(app, ["doctor"])
        assert done.exit_code == code and findings[0].remedy in done.output
        assert json.loads(CliRunner().invoke(app, ["doctor", "--json"]).output)[0]["what"] == findings[0].what
