"""Few demonstrations, and what was solved in the model: each arm is there, and a stopped experiment goes on."""

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.evaluate.dots import DotModel
from tests.jobs.use.conftest import OPTIONS, QUICK
from wam.data import cut, open_dataset
from wam.jobs.record import record_world
from wam.jobs.use.improve import DEMONSTRATIONS, IMAGINED, LIVED, ImproveResult, ImproveTest, improve, learners_summary, require_together
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


def test_three_learners_of_each_training(quick, demonstrations, tmp_path, bars, all_solved, monkeypatch):
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
    (tmp_path / "imagined-of-3-1.writing").mkdir()  # as if it had been stopped there
    again = improve(quick, tmp_path, asked, bars=bars)
    assert again.learners == found.learners

    def refused(words: str, **changed: object) -> None:
        with pytest.raises(ValueError, match=words):
            improve(quick, tmp_path, dataclasses.replace(asked, **changed), bars=bars)

    monkeypatch.setattr("wam.jobs.use.improve.judge_of", None)  # what was made of something else is told before anything is trained
    refused(r"imagined-of-3-0 was made of something else: it\.world was push .*budget=12.*, is push .*budget=15", options={**OPTIONS, "budget": 15})
    refused("it.judge was 6 episodes of each teacher.*, is 7 episodes of each teacher", judge_episodes=7)
    refused("it.steps was 2, is 3", steps=3)
    for path in tmp_path.glob("imagined-*"):
        shutil.rmtree(path, ignore_errors=True)
    refused("lived-of-3-0 was made of something else: it.steps was 2, is 3", steps=3)
    (tmp_path / "lived-of-3-0.json").unlink()
    refused("which says of what, is not there")


def test_what_cannot_be_learned_together_is_told_before_anything_is_trained(model, demonstrations, tmp_path, bars):
    with pytest.raises(SpecError, match=r"differ in actions, rate: top 32x32, 1 of .*, 10 Hz; top 32x32, 3 of .*, 3\.33 Hz\. Name a model"):
        improve(model, tmp_path / "out", dataclasses.replace(ASKED, data=str(demonstrations)), bars=bars)
    assert not (tmp_path / "out").exists()


def test_a_policy_must_see_what_the_model_shows_and_not_decide_in_between(demonstrations, tmp_path):
    large = record_world("push", tmp_path / "large", episodes=2, options={"size": 64})

    def together(data: Path, **spec: object) -> None:
        recorded = open_dataset(data).spec
        dots, sees = DotModel(), dataclasses.replace(recorded.observes, proprio=())
        shown = dataclasses.replace(dots.spec.predicts, observation=sees)
        dots.spec = dataclasses.replace(dots.spec, observes=sees, predicts=shown, consumes=recorded.acts, rate=recorded.rate, **spec)
        require_together(SimpleNamespace(world_model=dots, name="dots"), str(data), recorded.sentences)

    together(demonstrations)
    together(demonstrations, chunk=3)
    with pytest.raises(SpecError, match=r"diffusion_policy sight executes 2 of its actions .*, each for 3 steps, and the model predicts 4 steps at once"):
        together(demonstrations, chunk=4)
    with pytest.raises(SpecError, match="diffusion_policy sight cannot act in what the model imagines"):
        together(large)
