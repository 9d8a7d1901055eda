"""adaworld tiny: learns codes from video without labels, a world on them, low-level actions from few labels; loads, conforms and acts."""

from dataclasses import replace

import pytest
import torch

from wam import train
from wam.check import check_world_model
from wam.data import WindowDataset
from wam.jobs.record import record_world
from wam.plan.control.rollout import rollout
from wam.recipes import load, train_recipe
from wam.recipes.adaworld import without_latent_actions
from wam.recipes.latent_actions import action_agnostic, inferred
from wam.recipes.runs import frames_for
from wam.sim.adapters.skip import Skip
from wam.sim.worlds.push import PushWorld
from wam.world import Noise

SIZES = {"width": 8, "levels": 2, "condition": 16, "steps": 2, "code": 3, "code_width": 8, "code_levels": 2, "code_dim": 16, "hidden": 16}


def narrow(preset):
    return replace(preset, config=replace(preset.config, **SIZES))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record_world("push", tmp_path_factory.mktemp("push") / "set", episodes=20, policies={"play": 1.0}, truth=())


@pytest.fixture(scope="module")
def run(recorded, tmp_path_factory):
    return train_recipe("adaworld", recorded, tmp_path_factory.mktemp("run") / "run", change=narrow, labels=0.2, steps=4, show=False)


def checkpoints(run):
    """Weights by stage, as the next one finds them."""
    found = {path.name.split("-")[1]: train.load(path) for path in sorted((run.folder / "checkpoints").iterdir())}
    return {stage: checkpoint.average or checkpoint.weights for stage, checkpoint in found.items()}


def test_each_stage_learns_its_part(run):
    found = checkpoints(run)
    parts = {"codes": "pretrained.latent_actions.", "world": "pretrained.world.", "translate": "translation.", "adapt": ("pretrained.world.", "translation.")}
    assert list(found) == list(parts)
    for before, after in zip(list(parts)[:-1], list(parts)[1:], strict=True):
        changed = {name for name in found[after] if not torch.equal(found[before][name], found[after][name])}
        assert changed and all(name.startswith(parts[after]) for name in changed), after


def test_conforms_loads_and_acts(run):
    again = load(run.folder)
    assert all(torch.equal(one, two) for one, two in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True))
    for parameter in again.model.parameters():  # four steps hardly open what starts closed
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    check_world_model(again.model).require()
    preset = replace(again.preset, horizon=2, planner=replace(again.preset.planner, samples=8, iterations=2, elites=2))
    world, seeds = Skip(PushWorld(2), again.preset.skip), range(2)
    episodes = rollout(world, replace(again, preset=preset).policy(), 2, seeds=seeds, noise=Noise.of(seeds))
    assert episodes.actions.valid[:, 1:].all()


def test_windows_bring_the_code_that_led_to_each_frame(recorded, run):
    windows = WindowDataset(frames_for(run.preset, recorded), past=2, horizon=2, skip=3, edges=True)
    told = inferred(run.model, windows, run.folder)
    again = inferred(run.model, windows, run.folder)
    indices = torch.arange(0, len(windows), 3)
    one, two = told.batch(indices), again.batch(indices)
    assert torch.equal(one.actions.latent, two.actions.latent) and torch.equal(one.past.actions.latent, two.past.actions.latent)
    assert torch.equal(one.actions.low_level, windows.batch(indices).actions.low_level)
    by_hand = run.model.pretrained.latent_actions.inferred(windows.batch(indices))
    done = one.actions.valid.any(-1) & one.valid
    assert torch.allclose(one.actions.latent[done], by_hand.actions.latent[done], atol=1e-4) and done.any()
    earlier = one.past.actions.valid.any(-1)
    earlier[:, 0] = False  # by hand, nobody knows what led to a window's first frame
    assert torch.allclose(one.past.actions.latent[earlier], by_hand.past.actions.latent[earlier], atol=1e-4) and earlier.any()


def test_codes_are_kept_of_recorded_frames_only(run):
    with pytest.raises(TypeError, match="WindowDataset"):
        inferred(run.model, object(), run.folder)


def test_without_latent_actions_the_world_learns_as_long_and_is_told_nothing(recorded, tmp_path):
    run = train_recipe("adaworld", recorded, tmp_path / "run", change=lambda preset: without_latent_actions(narrow(preset)), steps=2, show=False)
    assert list(checkpoints(run)) == ["world", "adapt"]
    on, off = (
        {stage.name: stage.learner.steps for stage in preset.stages}
        for preset in (run.recipe.preset("tiny"), without_latent_actions(run.recipe.preset("tiny")))
    )
    assert off == {"world": on["world"], "adapt": on["translate"] + on["adapt"]}
    windows = action_agnostic(run.model, WindowDataset(frames_for(run.preset, recorded), skip=3), run.folder)
    assert not windows.batch(torch.arange(5)).actions.latent.any()
    adapt = run.preset.stages[-1].derives(run.model, WindowDataset(frames_for(run.preset, recorded), skip=3), run.folder).batch(torch.arange(5))
    assert run.model.pretrained.told(adapt) is adapt  # what infers latent actions never learned, and is not asked
