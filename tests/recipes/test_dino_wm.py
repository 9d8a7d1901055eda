"""dino_wm tiny: conforms, trains in two stages of which the second leaves the encoder alone, loads, and acts."""

import copy
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.nets.perceive.test_pretrained import PLAIN, stored
from tests.recipes.test_lewm import data_spec, statistics
from wam.check import check_world_model
from wam.data import WindowDataset
from wam.evaluate.imagine import imagine
from wam.jobs.record import record_world
from wam.plan.control.rollout import rollout
from wam.recipes import export, load, train_recipe
from wam.recipes.dino_wm import RECIPE, one_vector, over, remember
from wam.recipes.runs import frames_for
from wam.sim.adapters.skip import Skip
from wam.sim.worlds.push import PushWorld
from wam.world import Noise, SpecError, Task


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record_world("push", tmp_path_factory.mktemp("push") / "set", episodes=40, policies={"play": 1.0}, truth=())


@pytest.fixture(scope="module")
def run(recorded, tmp_path_factory):
    return train_recipe("dino_wm", recorded, tmp_path_factory.mktemp("run") / "dino", steps=25, show=False)


@pytest.mark.parametrize("change", [lambda preset: preset, one_vector], ids=["patches", "one vector"])
def test_conforms(change):
    config = replace(change(RECIPE.presets["tiny"]).config, features=16, channels=8, dim=16, depth=2, heads=2)

    def make():
        torch.manual_seed(0)
        return RECIPE.build(config, data_spec(cameras=2), statistics(data_spec(cameras=2)))

    check_world_model(make(), make=make).require()


def test_the_second_stage_leaves_the_encoder_alone_and_learns(recorded, run):
    first, second = sorted((run.folder / "checkpoints").iterdir())
    from wam.train import load as checkpoint

    before, after = checkpoint(first).weights, checkpoint(second).weights
    same = {name: torch.equal(before[name], after[name]) for name in before}
    assert all(same[name] for name in same if name.startswith(("encoders.", "pretrain.")))
    assert not any(same[name] for name in same if name.startswith("transition.blocks") and name.endswith("qkv.weight"))
    windows = WindowDataset(frames_for(run.preset, recorded), past=1, horizon=3, skip=3)
    window = windows.batch(torch.arange(0, 64))
    with torch.no_grad():
        z = run.model.encode(window.whole()[0].observation).z
        loss = run.model.loss(window, noise=Noise.of(range(64)))["prediction"].mean()
    assert loss < ((z[:, 1:] - z[:, :1]) ** 2).mean()  # already better than copying


@pytest.mark.parametrize("cached", [True, False], ids=["features kept", "features lost"])
def test_the_second_stage_starts_again_from_the_same_features(recorded, run, tmp_path, cached):
    folder = shutil.copytree(run.folder, tmp_path / "again")
    shutil.rmtree(folder / "checkpoints" / "01-world-00000025")
    if not cached:
        shutil.rmtree(folder / "cache")
    again = train_recipe("dino_wm", recorded, folder, steps=25, show=False, resume=True)
    assert all(torch.equal(one, two) for one, two in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True))
    assert [path.name for path in (folder / "cache").iterdir()] == [path.name for path in (run.folder / "cache").iterdir()]


def test_the_encoder_runs_once_per_frame_and_features_have_unit_scale(recorded, run):
    model, frames = copy.deepcopy(run.model), frames_for(run.preset, recorded)
    windows = WindowDataset(frames, past=1, horizon=4, skip=3)
    window = remember(model, windows, run.folder).batch(torch.arange(0, 400))
    assert torch.equal(model.standardise.spread, run.model.standardise.spread)
    asked = []
    for encoder in model.encoders.values():
        encoder.register_forward_hook(lambda *_: asked.append(1))
    with torch.no_grad():
        kept = model.loss(window, noise=Noise.of(range(400)))["prediction"]
        assert not asked
        encoded = model.loss(windows.batch(torch.arange(0, 400)), noise=Noise.of(range(400)))["prediction"]
        z = model.encode(windows.batch(torch.arange(len(windows))[::5]).past.observation).z
    assert asked and torch.allclose(kept, encoded, rtol=0.02, atol=1e-3)  # but for half precision
    assert 0.7 < float(z.std(0).mean()) < 1.1


def test_features_are_kept_of_recorded_frames_only(run):
    with pytest.raises(TypeError, match="WindowDataset"):
        remember(run.model, object(), run.folder)


def test_loads_and_acts(run):
    again = load(run.folder)
    assert all(torch.equal(one, two) for one, two in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True))
    preset = replace(again.preset, planner=replace(again.preset.planner, samples=16, iterations=2, elites=4))
    world, seeds = Skip(PushWorld(2), again.preset.skip), range(2)
    episodes = rollout(world, replace(again, preset=preset).policy(), 2, seeds=seeds, noise=Noise.of(seeds))
    assert episodes.actions.valid[:, 1:].all()


def test_rows_of_actions_that_do_not_divide_among_those_of_the_carry_are_refused(run):
    model = run.model
    with pytest.raises(SpecError, match=r"DinoWorldModel.predict got 5 rows of actions for 2 rows of carry.* different batches"):
        model.predict(model.begin(2, Task()), model.spec.consumes.sample(5, 1))


def test_a_pretrained_encoder_by_folder(tmp_path):
    transformers = pytest.importorskip("transformers", reason='needs the extra "vision"')
    config = transformers.Dinov2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14, mlp_ratio=2)
    transformers.Dinov2Model(config).save_pretrained(tmp_path / "tiny")
    chosen = replace(RECIPE.presets["tiny"].config, pretrained=str(tmp_path / "tiny"), dim=16, depth=1, heads=2)
    model = RECIPE.build(chosen, data_spec(), statistics(data_spec()))
    assert model.pretrain is None and model.spec.predicts.state.shape == (4, 16)
    sampled = model.spec.observes.sample(8, 3)
    model.standardise.fit(model.features(sampled).z.flatten(0, 1).detach())
    every = model.encode(sampled).z
    assert torch.allclose(every.flatten(0, 1).mean(0), torch.zeros(4, 16), atol=1e-4)
    z = every[:2]
    assert z.shape == (2, 3, 4, 16) and not any(parameter.requires_grad for parameter in model.encoders.parameters())


@pytest.mark.parametrize("family", ["ViT", "CLIP", "SigLIP", "DINOv2"])
def test_a_run_over_a_pretrained_encoder_trains_and_loads_without_its_files(family, recorded, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name, _ = stored(PLAIN[family], Path("model"))

    def change(preset):
        smaller = over(name)(preset)
        return replace(smaller, config=replace(smaller.config, dim=16, depth=1, heads=2))

    asked = dict(change=change, episodes=range(4), steps=1, show=False)
    run = train_recipe("dino_wm", recorded, tmp_path / "run", **asked)
    assert [stage.name for stage in run.preset.stages] == ["world"] and run.model.pretrain is None
    assert train_recipe("dino_wm", recorded, tmp_path / "run", resume=True, **asked).folder == run.folder
    window = WindowDataset(frames_for(run.preset, recorded), past=1, horizon=2, skip=3).batch(torch.arange(4))
    as_loaded = {**asked, "change": lambda preset: replace(load(run.folder).preset, stages=preset.stages)}
    fresh = train_recipe("dino_wm", recorded, tmp_path / "fresh", **as_loaded)
    assert all(torch.equal(one, two) for one, two in zip(run.model.state_dict().values(), fresh.model.state_dict().values(), strict=True))
    shutil.rmtree("model")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = load(tmp_path / "run")
    assert [stage.name for stage in again.preset.stages] == ["world"]
    observation = window.whole()[0].observation
    assert torch.equal(run.model.encode(observation).z, again.model.encode(observation).z)
    before, after = (imagine(one.world_model, window) for one in (run, again))
    assert torch.equal(before.latents, after.latents)
    exported = load(export(tmp_path / "run", tmp_path / "small"))
    assert torch.allclose(exported.model.encode(observation).z, run.model.encode(observation).z, atol=0.1)
