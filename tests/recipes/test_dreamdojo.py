"""dreamdojo tiny: trains on a recorded set, loads, and acts; its switch changes how actions are told and nothing else."""

from dataclasses import replace

import torch

from tests.recipes.test_adaworld import SIZES as SMALL
from wam.check import check_world_model
from wam.jobs.record import record_world
from wam.plan.control.rollout import rollout
from wam.recipes import load, train_recipe
from wam.recipes.dreamdojo import RECIPE, one_vector_per_clip
from wam.sim.adapters.skip import Skip
from wam.sim.worlds.push import PushWorld
from wam.world import Noise

SIZES = {**SMALL, "law": "flow", "residual": False, "temporal": 0.1}


def test_trains_loads_and_acts(tmp_path):
    data = record_world("push", tmp_path / "set", episodes=20, policies={"play": 1.0}, truth=())
    run = train_recipe("dreamdojo", data, tmp_path / "run", change=lambda preset: replace(preset, config=replace(preset.config, **SIZES)), steps=2, show=False)
    again = load(run.folder)
    assert all(torch.equal(one, two) for one, two in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True))
    assert again.model.translation.relative and again.model.pretrained.world.generation.temporal == 0.1
    for parameter in again.model.parameters():  # two steps hardly open what starts closed
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    check_world_model(again.model).require()
    preset = replace(again.preset, horizon=2, planner=replace(again.preset.planner, samples=8, iterations=2, elites=2))
    world, seeds = Skip(PushWorld(2), again.preset.skip), range(2)
    episodes = rollout(world, replace(again, preset=preset).policy(), 2, seeds=seeds, noise=Noise.of(seeds))
    assert episodes.actions.valid[:, 1:].all()


def test_the_switch_changes_how_actions_are_told():
    on = RECIPE.presets["tiny"]
    off = one_vector_per_clip(on)
    assert replace(off.config, acts=on.config.acts, relative=on.config.relative) == on.config and off.stages == on.stages
    assert on.config.chunk > 1  # with one frame at once the two would be the same
