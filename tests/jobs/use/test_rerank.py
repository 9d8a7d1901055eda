"""A policy alone and helped: the same starts, paired differences, the true simulator as ceiling."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.evaluate.dots import DotModel
from tests.jobs.use.conftest import OPTIONS, QUICK
from wam.jobs.use.rerank import CEILING, JUDGED, WORDS, RerankResult, RerankTest, allowed, in_words, refined, rerank, wanted
from wam.plan import Gradient
from wam.recipes.recipe import load_recipe
from wam.sim.worlds.push import make
from wam.use.reranking import DESCENT, Reranking
from wam.world import SpecError


def test_all_arms_over_the_same_starts(model, diffusion, tmp_path, bars, monkeypatch):
    pytest.importorskip("matplotlib", reason='needs the extra "show"')
    made = []
    monkeypatch.setattr("wam.jobs.use.rerank.Reranking", lambda *args, **settings: made.append(Reranking(*args, **settings)) or made[-1])
    asked = RerankTest(
        "push", OPTIONS, modes=("rank", "opt"), draws=2, descent=Gradient(steps=1, rate=0.05), goals=2, ceiling=True, judge_episodes=6, judge=QUICK
    )
    found, page = rerank(model, diffusion, asked, out=tmp_path, bars=bars)
    assert [row.name for row in found.rows] == ["diffusion_policy alone", "best of 2", "own chunk refined", CEILING, JUDGED]
    assert made[1].planner == Gradient(starts=1, steps=1, rate=0.05) and (found.descent_steps, found.descent_rate) == (1, 0.05)
    assert "Chunks are refined by 1 gradient steps, the first of 0.05 times half the action range." in found.origin.protocol
    assert len({row.seeds for row in found.rows}) == 1 and {row.steps for row in found.rows} == {12} and all(row.seconds_per_decision > 0 for row in found.rows)
    assert [one.first for one in found.differences] == [row.name for row in found.rows[1:]] and {one.second for one in found.differences} == {
        found.rows[0].name
    }
    assert found.judge is not None and found.objective.startswith("the judge's verdict")
    assert RerankResult.from_json(found.save(tmp_path / "result.json").read_text()) == found
    assert page == tmp_path / "rerank.html" and "helped by cosmos_predict tiny" in page.read_text()


@pytest.mark.parametrize("rate", [0.0, -0.1, 1.5, float("nan")])
def test_a_rate_by_which_nothing_goes_downhill_is_refused(rate):
    with pytest.raises(ValueError, match=r"--descent-rate is .*above 0, at most 1, e\.g\. 0\.1"):
        RerankTest("push", {}, descent=Gradient(rate=rate))


def test_what_refines_nothing_says_nothing_of_it():
    assert refined(None) == "" and RerankTest("push", {}).descent == DESCENT


def test_refining_is_tried_where_the_model_has_gradients():
    model = DotModel()
    assert allowed(model) == ("rank", "opt", "both") and WORDS["both"].format(16) == "best of 16 refined"
    model.spec = replace(model.spec, differentiable=False)
    assert allowed(model) == ("rank",)


def test_what_was_wanted_is_said_as_it_was(bars):
    """Where tasks show a goal, it is what the recipe plans for: td_mpc2 does not look at the picture."""
    env = make(2)
    for recipe, words in (("td_mpc2", "the reward that the model predicts, and what it expects"), ("lewm", "likeness to the goal picture")):
        run = SimpleNamespace(world_model=DotModel(), recipe=load_recipe(recipe))
        _, objective, score = wanted(run, env, RerankTest("push", {}), {}, bars)
        assert in_words(objective).startswith(words) and score is None


def test_a_video_that_is_told_no_actions_ranks_none(susie, diffusion, bars):
    with pytest.raises(SpecError, match="cannot say what given actions lead to: its video does not see them"):
        rerank(susie, diffusion, RerankTest("push", OPTIONS), bars=bars)
