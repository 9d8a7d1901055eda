"""The arms are known by name; the staged one holds the video fast while it learns to act."""

import pytest
import torch

from wam.jobs.paradigms.arms import ARMS, QUESTIONS, arms_named
from wam.jobs.paradigms.cell import cell_name, wanted
from wam.jobs.paradigms.setting import Asked
from wam.jobs.record import record_world
from wam.recipes import train_recipe
from wam.recipes.recipe import load_recipe
from wam.train import Gradient, load
from wam.train.checkpoint import stored_end


def test_names():
    names = [arm.name for arm in ARMS]
    assert len(set(names)) == len(names) and arms_named() == ARMS
    assert {name for question in QUESTIONS for name in (question.first, question.second)} <= set(names)
    assert {arm.run for arm in ARMS if arm.recipe} <= set(names)
    assert [arm.name for arm in arms_named(("vpp", "random"))] == ["random", "vpp"]
    with pytest.raises(ValueError, match=r"no arm 'unipy'\. Did you mean 'unipi'"):
        arms_named(("unipy",))


def test_cells_are_wanted_seed_after_seed():
    cells = wanted(arms_named(("random", "unipi", "oracle_future")), (0.05, 1.0), 2)
    expected = ["unipi-0.05-0", "oracle_future-0.05-0", "unipi-1-0", "oracle_future-1-0"]
    assert [cell.name for cell in cells] == ["random", *expected, *(name[:-1] + "1" for name in expected)]
    assert cells[2].run == cells[1].run == cell_name("unipi", 0.05, 0)
    with pytest.raises(ValueError, match="shares in"):
        Asked(labels=(0.0,))


def test_every_change_is_of_its_recipe():
    for arm in ARMS:
        if arm.change is not None:
            preset = load_recipe(arm.recipe).preset("tiny")
            changed = arm.change(preset)
            assert changed != preset and changed.size == preset.size and changed.skip == preset.skip


@pytest.mark.parametrize("name", ("fast_wam.staged", "fast_wam.staged_eye"))
def test_staged_learns_the_video_first_and_then_holds_it_fast(name, tmp_path):
    data = record_world("push", tmp_path / "data", episodes=3, policies={"expert": 1.0}, options=Asked(budget=12).options, truth=())
    (arm,) = arms_named((name,))
    run = train_recipe(arm.recipe, data, tmp_path / "run", change=arm.change, steps=2, show=False)
    video, actions = (stage.learner for stage in run.preset.stages)
    assert isinstance(video, Gradient) and isinstance(actions, Gradient)
    assert (video.weights, actions.weights) == ({"video": 1.0, "actions": 0.0}, {"video": 0.0, "actions": 1.0}) and video.batch == actions.batch
    load(stored_end(run.folder, 0)).restore(run.model)
    before = {part: value.clone() for part, value in run.model.named_parameters()}
    load(stored_end(run.folder, 1)).restore(run.model)
    changed = {part for part, value in run.model.named_parameters() if not torch.equal(value, before[part])}
    assert any(part.startswith("network.net.layers.0.1.") for part in changed)
    layers = tuple(f"network.net.layers.{depth}.0." for depth in range(8))
    parts = ("heard", "given.video", "tokens.video", *(() if name.endswith("eye") else ("eye",)))
    of_video = ("codec.", "words.", "network.observed", *(f"network.{part}." for part in parts), *layers)
    assert not [part for part in changed if part.startswith(of_video)]
    assert any(part.startswith("network.eye.") for part in changed) == name.endswith("eye")
