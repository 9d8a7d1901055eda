"""cosmos_predict tiny: trains on a recorded set, loads, and acts by planning in its own frames."""

from dataclasses import replace

import pytest
import torch

from tests.recipes.test_lewm import data_spec, statistics
from wam.check import check_world_model
from wam.jobs.record import record_world
from wam.plan.control.rollout import rollout
from wam.recipes import load, train_recipe
from wam.recipes.cosmos_predict import RECIPE, two_frames_only
from wam.sim.adapters.skip import Skip
from wam.sim.worlds.push import PushWorld
from wam.world import Noise


@pytest.mark.parametrize("preset", ["tiny", "small"])
def test_every_size_can_be_built(preset):
    spec = data_spec()
    chosen = RECIPE.presets[preset]
    side = {name: replace(camera, height=chosen.size, width=chosen.size) for name, camera in spec.observes.cameras.items()}
    with torch.device("meta"):
        model = RECIPE.build(chosen.config, replace(spec, observes=replace(spec.observes, cameras=side)), statistics(spec))
    assert model.spec.chunk == chosen.config.chunk


@pytest.mark.parametrize("preset", RECIPE.presets)
def test_the_switch_drops_no_frames_and_changes_nothing_else(preset):
    """Off, the model always sees its two frames; on, sometimes fewer; what else it leaves out while learning is the same."""
    on = RECIPE.preset(preset)
    off = RECIPE.mechanism.off(on)
    assert off == replace(on, config=replace(on.config, dropped_frames=0.0)) and on.config.dropped_frames > 0 and on.config.context == 2
    spec = data_spec()
    side = {name: replace(camera, height=on.size, width=on.size) for name, camera in spec.observes.cameras.items()}
    seen = replace(spec, observes=replace(spec.observes, cameras=side), sentences=("push the red disc",))
    with torch.device("meta"):
        left_out = [RECIPE.build(chosen.config, seen, statistics(spec)).dropped for chosen in (on, off)]
    assert left_out[1] == replace(left_out[0], frames=0.0) and left_out[0].frames == on.config.dropped_frames


def test_trains_loads_and_acts(tmp_path):
    data = record_world("push", tmp_path / "set", episodes=20, policies={"play": 1.0}, truth=())

    def narrow(preset):
        preset = two_frames_only(preset)
        return replace(preset, config=replace(preset.config, width=8, levels=2, steps=2))

    run = train_recipe("cosmos_predict", data, tmp_path / "run", change=narrow, steps=5, show=False)
    again = load(run.folder)
    assert all(torch.equal(one, two) for one, two in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True))
    check_world_model(again.model).require()
    preset = replace(again.preset, horizon=2, planner=replace(again.preset.planner, samples=8, iterations=2, elites=2))
    world, seeds = Skip(PushWorld(2), again.preset.skip), range(2)
    episodes = rollout(world, replace(again, preset=preset).policy(), 2, seeds=seeds, noise=Noise.of(seeds))
    assert episodes.actions.valid[:, 1:].all()
