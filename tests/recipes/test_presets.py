"""Every preset of every recipe can be built and take a training step; the large ones on a device that holds no numbers."""

from dataclasses import replace

import pytest
import torch

from tests.recipes.test_lewm import statistics
from wam.data import DataSpec
from wam.recipes import all_recipes, load_recipe
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.train import Gradient
from wam.world import Future, Noise, Past, Task, Window

PRESETS = [(recipe.name, name) for recipe in all_recipes() for name in recipe.presets]
LARGE = {"paper"}  # too large for a test to compute with


def data_for(size: int, skip: int) -> DataSpec:
    spec = DataSpec.of_world(PushWorld(1, PushConfig(size=size)).spec)
    return replace(spec, acts=replace(spec.acts, per_step=skip), rate=spec.rate / skip)


def window(spec: DataSpec, learner: Gradient, rows: int = 4) -> Window:
    observes, acts = replace(spec.observes, proprio=()), spec.acts
    past = Past(observation=observes.sample(rows, learner.past), actions=acts.sample(rows, learner.past))
    future = observes.sample(rows, learner.horizon, Noise.of(range(50, 50 + rows)))
    valid = torch.ones(rows, learner.horizon, dtype=torch.bool)
    return Window(past=past, actions=acts.sample(rows, learner.horizon), future=Future(observation=future), valid=valid, task=Task())


@pytest.mark.parametrize(("recipe", "preset"), PRESETS)
def test_a_training_step(recipe, preset):
    found = load_recipe(recipe)
    chosen = found.preset(preset)
    spec = data_for(chosen.size or 32, chosen.skip)
    learner = next(stage.learner for stage in chosen.stages if isinstance(stage.learner, Gradient))
    device = "meta" if preset in LARGE else "cpu"
    with torch.device(device):
        model = found.build(chosen.config, spec, statistics(spec))
    if device == "meta":
        assert sum(parameter.numel() for parameter in model.parameters()) > 1e6
        return
    model.train()
    losses = model.loss(window(spec, learner), noise=Noise.of(range(4)))
    assert losses.keys() == learner.weights.keys()
    total = sum(weight * losses[name].mean() for name, weight in learner.weights.items())
    total.backward()
    assert total.isfinite() and all(parameter.grad is not None for parameter in model.parameters())
