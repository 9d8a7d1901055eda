"""Few demonstrations, and what was solved in the model: each arm is there, and a stopped experiment goes on."""

import dataclasses

import pytest

from tests.jobs.use.conftest import OPTIONS, QUICK
from wam.data import cut, open_dataset
from wam.jobs.use.improve import DEMONSTRATIONS, IMAGINED, LIVED, ImproveResult, ImproveTest, improve, learners_summary
from wam.recipes import train_recipe
from wam.use.judge import Judge
from wam.use.synthesis import imagined_in
from wam.world import SpecError

ASKED = ImproveTest("", "push", OPTIONS, episodes=3, seeds=2, goals=2, steps=2, judge_episodes=6, judge=QUICK)


@pytest.fixture(scope="module")
def quick(demonstrations):
    """A model at the world's own clock."""
    return train_recipe("cosmos_predict", demonstrations, demonstrations.parent / "quick", steps=2, show=False).folder


@pytest.fixture
def all_solved(monkeypatch):
    """A judge, and a world, that call everything solved."""
    monkeypatch.setattr(Judge, "logits", lambda self, observation, task: observation.rgb["top"].float().mean((2, 3, 4)) * 0 + 1)
    monkeypatch.setattr("wam.jobs.use.improve.cut", solved_cut)


def solved_cut(episodes, sentences, source):
    return cut(dataclasses.replace(episodes, success=episodes.success | True), sentences, source)


def test_three_learners_of_each_training(quick, demonstrations, tmp_path, bars, all_solved):
    asked = dataclasses.replace(ASKED, data=str(demonstrations))
    found = improve(quick, tmp_path, asked, bars=bars)
    assert [one.name for one in found.learners] == [DEMONSTRATIONS, IMAGINED, LIVED] and len(found.differences) == 2
    assert [one.learned_from for one in found.learners] == [(16, 16), (19, 19), (19, 19)]
    assert all(len(one.outcomes) == 2 and len(one.outcomes[0]) == 2 for one in found.learners)
    assert ImproveResult.from_json(found.save(tmp_path / "improve.json").read_text()) == found
    imagined, lived = open_dataset(tmp_path / "imagined-of-3-1"), open_dataset(tmp_path / "lived-of-3-1")
    assert imagined_in(imagined).starts[0] == "push, seed 1300003" and imagined_in(lived) is None
    assert imagined.spec.rate == open_dataset(demonstrations).spec.rate and imagined.read(0).observation.size("T") == 13
    table = learners_summary(found)
    assert [row[1] for row in table.rows] == ["16, 16", "19, 19", "19, 19"] and table.rows[0][-1] == ""
    (tmp_path / "imagined-of-3-1.partial").mkdir()  # as if it had been stopped there
    again = improve(quick, tmp_path, asked, bars=bars)
    assert again.learners == found.learners


def test_a_policy_that_looks_at_other_pictures_cannot_act_in_the_model(demonstrations, tmp_path, bars):
    large = train_recipe("cosmos_predict", demonstrations, tmp_path / "robot", preset="robot", steps=2, show=False).folder
    with pytest.raises(SpecError, match="cannot act in what the model imagines"):
        improve(large, tmp_path / "out", dataclasses.replace(ASKED, data=str(demonstrations)), bars=bars)
