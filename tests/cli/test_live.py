"""`wam serve`: what is chosen reaches the job, and nonsense is refused before anything is loaded."""

import pytest
from typer.testing import CliRunner

from wam.cli import app
from wam.serve import Limits

RUN = CliRunner()


def test_limits_are_options_and_by_default_the_servers_own(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("wam.jobs.serve.serve", lambda run, **settings: asked.append(settings["limits"]))
    chosen = ["--clients", "2", "--per-second", "500", "--frames", "100", "--message-mib", "64", "--infer-seconds", "2.5", "--idle-seconds", "60"]
    for more in ([], chosen):
        answer = RUN.invoke(app, ["serve", str(tmp_path), *more])
        assert answer.exit_code == 0, answer.output
    assert asked == [Limits(), Limits(clients=2, per_second=500, frames=100, message_bytes=2**26, infer_seconds=2.5, idle_seconds=60)]


@pytest.mark.parametrize("option", ["--clients", "--per-second", "--frames", "--message-mib", "--infer-seconds", "--idle-seconds"])
@pytest.mark.parametrize("value", ["0", "-1", "many"])
def test_limits_that_let_nobody_be_answered_are_refused(option, value, tmp_path):
    answer = RUN.invoke(app, ["serve", str(tmp_path), option, value])
    assert answer.exit_code == 2 and f"'{option}'" in answer.output
