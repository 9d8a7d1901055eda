"""Tiny runs on one tiny data set of instructed demonstrations: nothing is learned, everything fits together."""

from dataclasses import replace
from pathlib import Path

import pytest

from wam.jobs.record import record_world
from wam.recipes import train_recipe
from wam.recipes.recipe import Preset
from wam.show.bars import Bars
from wam.use.judge import JudgeConfig

OPTIONS = {"task": "instruction", "zones": 2, "budget": 12, "nearest": 1.0}
QUICK = JudgeConfig(width=8, steps=10, batch=32)


@pytest.fixture(scope="session")
def demonstrations(tmp_path_factory) -> Path:
    return record_world("push", tmp_path_factory.mktemp("use") / "demonstrations", episodes=16, policies={"expert": 1.0}, options=OPTIONS)


@pytest.fixture(scope="session")
def model(demonstrations) -> Path:
    return trained("cosmos_predict", demonstrations)


@pytest.fixture(scope="session")
def chunked(demonstrations) -> Path:
    """A model that predicts two steps at once."""

    def at_once(preset: Preset) -> Preset:
        stages = tuple(replace(stage, learner=replace(stage.learner, horizon=2)) for stage in preset.stages)
        return replace(preset, config=replace(preset.config, chunk=2), stages=stages)

    return train_recipe("cosmos_predict", demonstrations, demonstrations.parent / "chunked", change=at_once, steps=2, skip=3, show=False).folder


@pytest.fixture(scope="session")
def susie(demonstrations) -> Path:
    """Acts on pictures and instructions alone."""
    return trained("susie", demonstrations)


@pytest.fixture(scope="session")
def diffusion(demonstrations) -> Path:
    """Acts on proprioception too."""
    return trained("diffusion_policy", demonstrations)


@pytest.fixture
def bars() -> Bars:
    return Bars()


def trained(recipe: str, data: Path) -> Path:
    return train_recipe(recipe, data, data.parent / recipe, steps=2, skip=3, show=False).folder
