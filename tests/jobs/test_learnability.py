"""Makes of a video model side by side: every arm trains, is judged and reads back; the page shows them."""

from dataclasses import replace

import pytest

from wam.jobs import learnability as job
from wam.jobs.pages import learnable
from wam.jobs.record import record_world
from wam.recipes import load_recipe
from wam.world import SpecError


def test_two_arms_over_two_seeds(tmp_path, monkeypatch):
    def small(change):
        def changed(preset):
            preset = preset if change is None else change(preset)
            stages = tuple(replace(stage, learner=replace(stage.learner, steps=2)) for stage in preset.stages)
            return replace(preset, config=replace(preset.config, width=8, levels=2, condition=16, dim=16, depth=1, heads=1), stages=stages)

        return changed

    arms = ("U-Net in pixels, flow", "transformer over cached latents, regression")
    monkeypatch.setattr(job, "ARMS", {name: small(job.ARMS[name]) for name in arms})
    monkeypatch.setattr(job, "WINDOWS", 8)
    sets = [str(record_world("push", tmp_path / name, episodes=6, policies={"play": 1.0}, seed=seed)) for name, seed in (("data", 0), ("fresh", 900))]
    found = job.learnability(*sets, tmp_path / "runs", tmp_path / "learn.json", seeds=2, arms=arms)
    assert [(row.arm, row.seed) for row in found.rows] == [(arm, seed) for seed in (0, 1) for arm in arms]
    assert job.LearnabilityResult.from_json((tmp_path / "learn.json").read_text()) == found
    for row in found.rows:
        assert row.seconds > 0 and len(row.places) == len(row.bodies) == len(row.still)
        assert row.gain == row.model - row.baseline and row.told == row.model - row.shuffled
    assert all(arm in learnable(found) for arm in arms)
    more = job.learnability(*sets, tmp_path / "runs", tmp_path / "learn.json", seeds=1, arms=arms, earlier=found)
    assert more.rows[: len(found.rows)] == found.rows and more.seeds == (0, 1, 2) and not more.older
    with pytest.raises(SpecError, match="another set of arms"):
        job.learnability(*sets, tmp_path / "runs", tmp_path / "learn.json", seeds=1, arms=arms[:1], earlier=found)
    assert job.picture_of(job.place_of(tmp_path / "runs", arms[0], 0), sets[1]).width > 100
    with pytest.raises(ValueError, match="there are no arms"):
        job.learnability(*sets, tmp_path / "runs", tmp_path / "learn.json", seeds=1, arms=("U-Net",))


def test_the_first_arm_is_the_preset_itself():
    assert next(iter(job.ARMS.values())) is None and load_recipe("cosmos_predict").preset("tiny").config.law == "regression"
