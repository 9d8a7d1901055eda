"""`wam check RUN`: everything that a trained run can be used as."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from wam.cli import app
from wam.jobs import conforms
from wam.jobs.record import record_world
from wam.recipes import load, train_recipe


def narrow(preset):
    config = replace(preset.config, codec=8, dim=16, narrow=8, depth=1, heads=2, condition=16, words=16, steps=2)
    return replace(preset, config=config)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checked")
    asked = {"task": "instruction", "zones": 2, "size": 32}
    data = record_world("push", folder / "set", episodes=20, policies={"expert": 1.0}, options=asked, truth=())
    return train_recipe("fast_wam", data, folder / "run", change=narrow, steps=4, show=False).folder


def test_a_policy_and_the_video_in_it_are_checked(run):
    answer = CliRunner().invoke(app, ["check", str(run), "--json"])
    assert answer.exit_code == 0, answer.output
    policy, video = json.loads(answer.stdout)
    assert (policy["subject"], policy["interface"]) == ("fast_wam tiny, changed", "policy")
    assert (video["subject"], video["interface"]) == ("fast_wam tiny, changed, as_video()", "world model")
    found = {finding["check"]: finding["status"] for finding in policy["findings"]}
    assert found["weights_survive_saving"] == "passed" and "failed" not in found.values()


def test_how_a_world_model_plans_is_checked_too(monkeypatch):
    def searched_little(folder, *, device):
        found = load(folder, device=device)
        return replace(found, preset=replace(found.preset, horizon=2, execute=1, planner=replace(found.preset.planner, samples=8, iterations=2, elites=2)))

    monkeypatch.setattr(conforms, "load", searched_little)
    model, planning = conforms.check_run(Path(__file__).parents[2] / "checkpoints" / "lewm-push")
    assert (model.interface, planning.subject, planning.interface) == ("world model", "lewm tiny, planning", "policy")
    assert model.ok and planning.ok and planning.find("goal_matters").status == "passed"
