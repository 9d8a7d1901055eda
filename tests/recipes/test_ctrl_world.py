"""ctrl_world: a tenth system from parts that were there; it trains, loads, acts, and its switch changes how actions are told."""

from dataclasses import replace
from pathlib import Path

import torch

from wam.check import check_world_model
from wam.jobs.record import record_world
from wam.plan.control.rollout import rollout
from wam.recipes import ctrl_world, load, train_recipe
from wam.sim.worlds.push import PushWorld
from wam.world import Noise

NARROW = {"width": 8, "levels": 2, "condition": 16}


def test_trains_loads_and_acts(tmp_path):
    data = record_world("push", tmp_path / "set", episodes=20, policies={"play": 1.0}, truth=())
    run = train_recipe(
        "ctrl_world", data, tmp_path / "run", change=lambda preset: replace(preset, config=replace(preset.config, **NARROW)), steps=2, show=False
    )
    again = load(run.folder)
    assert all(torch.equal(one, two) for one, two in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True))
    for parameter in again.model.parameters():  # two steps hardly opened what starts closed
        if parameter.ndim > 1 and parameter.abs().max() < 0.02:
            torch.nn.init.normal_(parameter, std=0.1)
    check_world_model(again.model).require()
    few = replace(again.preset, planner=replace(again.preset.planner, samples=4, iterations=1, elites=2), horizon=4)
    episodes = rollout(PushWorld(1), replace(again, preset=few).policy(), 2, seeds=[7], noise=Noise.of([7]))
    assert torch.isfinite(episodes.actions.low_level).all()


def test_its_switch_tells_a_clip_its_actions_as_one():
    on = ctrl_world.RECIPE.preset("tiny")
    assert on.config.acts == "frame" and ctrl_world.one_vector_per_clip(on) == replace(on, config=replace(on.config, acts="clip"))


def test_it_cost_a_hundred_lines_at_most():
    assert len(Path(ctrl_world.__file__).read_text().splitlines()) <= 100
