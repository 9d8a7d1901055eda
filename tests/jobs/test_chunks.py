"""Every way to execute the chunks of one run: which ways there are, the same starts for all, differences paired to the preset's."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from tests.serve.mocks import Summing
from wam.cli import app
from wam.jobs.chunks import ChunksResult, doubled, told, ways
from wam.jobs.deciding import policy_of
from wam.jobs.pages import written
from wam.jobs.record import record_world
from wam.plan.control.chunks import Asynchronous
from wam.plan.control.continues import Continues
from wam.recipes import train_recipe
from wam.world import SpecError


class Continuing(Summing, Continues):
    def act_on(self, memory, since, planned, weight, *, noise=None):
        return self.act(memory, since, noise=noise)


@pytest.mark.parametrize("policy", [Continuing, Summing])
@pytest.mark.parametrize(("chunk", "execute"), [(2, 1), (4, 2), (5, 5), (16, 8)])
def test_every_way_can_be_done_and_none_stands_there_twice(policy, chunk, execute):
    run = SimpleNamespace(name="any", policy=lambda plan: policy(chunk, execute))
    found = ways(policy(chunk, execute))
    done = [policy_of(run, way) for way in found]
    assert told(found[0]) == "" and len({told(way) for way in found}) == len(found)
    assert {way.execute for way in found if way.delay is None} >= {*doubled(chunk)} - {execute}
    late = [each for each in done if isinstance(each, Asynchronous)]
    assert {each.delay for each in late} == {0, *doubled(chunk // 2)}
    assert any(each.join == "given" for each in late) == (policy is Continuing)
    with pytest.raises(SpecError, match="decides on one step at a time"):
        [policy_of(SimpleNamespace(name="one", policy=lambda plan: policy(1, 1)), way) for way in ways(policy(1, 1))]


def test_all_ways_are_measured_from_the_same_starts_and_shown(tmp_path):
    recorded = record_world("push", tmp_path / "set", episodes=6, policies={"play": 1.0}, truth=())
    run = train_recipe("diffusion_policy", recorded, tmp_path / "run", change=lambda preset: replace(preset, config=replace(preset.config, dim=32)), steps=1)
    asked = ["chunks", str(run.folder), "--goals", "2", "--option", "budget=6", "--result", str(tmp_path / "chunks.json")]
    answer = CliRunner().invoke(app, asked, env={"COLUMNS": "200"})
    assert answer.exit_code == 0, answer.output
    result = ChunksResult.from_json((tmp_path / "chunks.json").read_text())
    first, *others = result.ways
    assert first.over_preset is None and first.success.name == "as the preset says: --execute 2" and (result.chunk, first.execute) == (4, 2)
    assert len({way.success.seeds for way in result.ways}) == 1 and {way.success.steps for way in result.ways} == {6}
    assert all(way.over_preset is not None and way.latency.milliseconds > 0 for way in others)
    assert [way.execute for way in result.ways if "--delay 1" in way.success.name] == [1, 1, 1, 2, 2, 2]
    for shown in (answer.output, written(tmp_path / "chunks.json")):
        assert "--delay 1 --execute 2 --join cut" in shown and "one training, so no verdict" in " ".join(shown.split())
