"""Every preset of every recipe can be built and take a training step; the large ones on a device that holds no numbers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.recipes.test_lewm import statistics
from wam.data import DataSpec
from wam.evaluate.result import FOLDER
from wam.models.observation_space.codec import Codec
from wam.models.state_space.latent.dino_wm import DinoWMConfig
from wam.recipes import all_recipes, load_recipe
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.train import Gradient, Online
from wam.train.optimise import adamw
from wam.train.parts import learners, learning
from wam.world import Future, Noise, Past, Task, Window

PRESETS = [(recipe.name, name) for recipe in all_recipes() for name in recipe.presets]
LARGE = {"paper"}  # too large for a test to compute with


def data_for(size: int, skip: int) -> DataSpec:
    spec = DataSpec.of_world(PushWorld(1, PushConfig(size=size)).spec)
    return replace(spec, acts=replace(spec.acts, per_step=skip), rate=spec.rate / skip)


def window(spec: DataSpec, learner: Gradient, rows: int = 4) -> Window:
    observes, acts = spec.observes, spec.acts
    past = Past(observation=observes.sample(rows, learner.past), actions=acts.sample(rows, learner.past))
    future = observes.sample(rows, learner.horizon, Noise.of(range(50, 50 + rows)))
    valid = torch.ones(rows, learner.horizon, dtype=torch.bool)
    return Window(
        past=past,
        actions=acts.sample(rows, learner.horizon),
        future=Future(observation=future, reward=torch.rand(rows, learner.horizon)),
        valid=valid,
        task=Task(),
    )


def without_download(config: Any, folder: Path) -> Any:
    """A random model of the same patch and picture size in place of weights that are not here."""
    if not isinstance(config, DinoWMConfig) or not config.pretrained:
        return config
    transformers = pytest.importorskip("transformers", reason='needs the extra "vision"')
    tiny = transformers.Dinov2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=518, patch_size=14, mlp_ratio=2)
    transformers.Dinov2Model(tiny).save_pretrained(folder / "tiny")
    return replace(config, pretrained=str(folder / "tiny"))


def fit_codecs(model: nn.Module, rows: Window) -> None:
    """What a stage derives takes the moments of an autoencoder's latents, which its model must know."""
    for part in model.modules():
        if isinstance(part, Codec) and part.autoencoder is not None:
            part.fit(part.latents(rows.past.observation)[:, -1])


@pytest.mark.parametrize(("recipe", "preset"), PRESETS)
def test_a_training_step_of_every_stage(recipe, preset, tmp_path):
    found = load_recipe(recipe)
    chosen = found.preset(preset)
    config, spec = without_download(chosen.config, tmp_path), data_for(chosen.size or 32, chosen.skip)
    device = "meta" if preset in LARGE and config == chosen.config else "cpu"
    with torch.device(device):
        model = found.build(config, spec, statistics(spec))
    if preset in LARGE:
        assert sum(parameter.numel() for parameter in model.parameters()) > 1e6
        return
    for stage in chosen.stages:
        learner = stage.learner.learner if isinstance(stage.learner, Online) else stage.learner
        assert isinstance(learner, Gradient)
        rows = window(spec, learner)
        if stage.derives is not None:
            fit_codecs(model, rows)
        with learning(model, stage) as parameters:
            assert adamw(learner, parameters).param_groups
            losses = {
                f"{prefix}{name}": value for prefix, part in learners(model, stage).items() for name, value in part.loss(rows, noise=Noise.of(range(4))).items()
            }
            assert losses.keys() == learner.weights.keys()
            total = sum(weight * losses[name].mean() for name, weight in learner.weights.items())
            total.backward()
            assert total.isfinite() and all(parameter.grad is not None for parameter in parameters.values())


@pytest.mark.parametrize(("recipe", "preset"), PRESETS)
def test_stages_show_as_many_frames_as_their_model_remembers(recipe, preset):
    """Of the large presets too, whose losses nobody asks here."""
    chosen = load_recipe(recipe).preset(preset)
    for stage in chosen.stages:
        learner = stage.learner.learner if isinstance(stage.learner, Online) else stage.learner
        assert isinstance(learner, Gradient)
        if {name.rpartition(".")[2] for name in learner.weights} & {"video", "actions"}:
            assert learner.past >= getattr(chosen.config, "context", 1), stage.name


def test_quick_takes_no_more_steps_than_five_minutes_allow_where_it_was_cut_to_them():
    """Each stage by the share of `tiny`'s steps that it takes, on the processor that the preset was made for. Others take longer: docs/speed.md."""
    for figure in json.loads((FOLDER / "speed_training_minutes.json").read_text())["figures"]:
        presets = load_recipe(figure["what"].split(" ")[0]).presets
        shares = [quick.learner.steps / tiny.learner.steps for quick, tiny in zip(presets["quick"].stages, presets["tiny"].stages, strict=True)]
        assert max(shares) * figure["value"] <= 5.0 and presets["quick"].config == presets["tiny"].config
