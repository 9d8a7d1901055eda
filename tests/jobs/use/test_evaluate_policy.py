"""Named policies in the world and in a model: the result is whole, reads back, and its page and tables are for people."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.jobs.use.conftest import OPTIONS, QUICK
from wam.jobs.use.evaluate_policy import PolicyEvaluationResult, PolicyTest, evaluate_policies
from wam.jobs.use.policies import Grade, Named
from wam.world import SpecError

GOALS = Path(__file__).parents[3] / "checkpoints" / "lewm-push"
ASKED = PolicyTest("push", OPTIONS, starts=3, judge_episodes=6, judge=QUICK)


@pytest.fixture
def few(monkeypatch) -> None:
    monkeypatch.setattr("wam.jobs.use.policies.NAMED", {"push": Named(grades=(Grade(), Grade(random=0.5)), teachers=("expert", "wander"))})


def test_a_model_beside_its_control(model, susie, tmp_path, bars, few):
    pytest.importorskip("matplotlib", reason='needs the extra "show"')
    found, page = evaluate_policies(model, [susie], ASKED, control=tmp_path / "control", out=tmp_path / "out", bars=bars)
    told, beside = found.evaluation, found.control
    assert [one.name for one in told.policies] == ["susie, as trained", "susie, 50 % at random", "random", "idle"] == [one.name for one in beside.policies]
    assert told.steps == 4 and told.seeds == (2_000_000, 2_000_001, 2_000_002) and told.judge.episodes == 6
    assert [one.real_outcomes for one in told.policies] == [one.real_outcomes for one in beside.policies]
    assert found.lacking[0].startswith("4 policies") and found.lacking[-1].startswith("3 starts")
    assert found.origin.recipe == "cosmos_predict tiny" and "susie tiny, each as trained, 50 % at random; random; idle" in found.origin.protocol
    again = PolicyEvaluationResult.from_json(found.save(tmp_path / "result.json").read_text())
    assert again.evaluation.policies == told.policies and again.lacking == found.lacking
    text = page.read_text()
    assert page == tmp_path / "out" / "policy_evaluation.html"
    for words in ("svg+xml", "trained with shuffled actions", "The instrument: a judge of success", "susie, 50 % at random", "What the protocol asks for"):
        assert words in text, words


def test_without_a_control_it_says_so(model, susie, tmp_path, bars, few):
    pytest.importorskip("matplotlib", reason='needs the extra "show"')
    found, _ = evaluate_policies(model, [susie], replace(ASKED, starts=1), out=tmp_path, bars=bars)
    assert found.control is None and found.over_control is None and found.lacking[-1] == "no control trained with shuffled actions"


def test_in_a_model_that_predicts_several_steps_at_once(chunked, susie, tmp_path, bars, few):
    """An episode of five of its steps, of which it predicts two at once."""
    pytest.importorskip("matplotlib", reason='needs the extra "show"')
    found, _ = evaluate_policies(chunked, [susie], replace(ASKED, options={**OPTIONS, "budget": 15}, starts=2), out=tmp_path, bars=bars)
    assert found.evaluation.steps == 5 and [one.name for one in found.evaluation.policies][-2:] == ["random", "idle"]
    with pytest.raises(SpecError, match=r"^lewm-push, as trained executes 1 of its actions .* the model predicts 2 steps at once"):
        evaluate_policies(chunked, [GOALS], ASKED, bars=bars)


def test_what_cannot_be_evaluated_is_said_before_anything_runs(model, susie, diffusion, bars):
    with pytest.raises(SpecError, match="diffusion_policy, as trained cannot act in what the model imagines: proprio has size 0"):
        evaluate_policies(model, [diffusion], ASKED, bars=bars)
    with pytest.raises(ValueError, match="would repeat its own opinion"):
        evaluate_policies(model, [susie, model], ASKED, bars=bars)
    with pytest.raises(SpecError, match="cannot say what given actions lead to: its video does not see them"):
        evaluate_policies(susie, [susie], ASKED, bars=bars)
    with pytest.raises(ValueError, match="no policies were named"):
        evaluate_policies(model, [], ASKED, bars=bars)
    with pytest.raises(ValueError, match="no policies are named beforehand for the world 'gym'"):
        evaluate_policies(model, [susie], replace(ASKED, world="gym"), bars=bars)
