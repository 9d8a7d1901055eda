"""unipi, susie and vpp tiny: two halves learn apart, the whole loads, conforms, imagines and acts on instructions."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.recipes.test_lewm import data_spec, statistics
from wam.check import check_policy
from wam.jobs.record import record_world
from wam.plan.control.rollout import rollout
from wam.recipes import load, load_recipe, train_recipe
from wam.sim.adapters.skip import Skip
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.world import Imagines, Noise, Observation, Past, SpecError

ASKED = {"task": "instruction", "zones": 2}
SMALL = {
    "unipi": {"inverse": 16},
    "susie": {"policy": 32, "channels": 16},
    "vpp": {"policy": 16, "layers": 1, "queries": 2, "cells": 2},
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record_world("push", tmp_path_factory.mktemp("push") / "set", episodes=20, policies={"expert": 1.0}, options=ASKED, truth=())


def narrow(name: str, **changed: Any):
    return lambda preset: replace(preset, config=replace(preset.config, width=8, levels=2, condition=16, steps=2, **SMALL[name], **changed))


@pytest.mark.parametrize("name", SMALL)
def test_trains_loads_and_acts(name, recorded, tmp_path):
    run = train_recipe(name, recorded, tmp_path / "run", change=narrow(name), steps=4, show=False)
    again = load(run.folder)
    assert all(torch.equal(one, two) for one, two in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True))
    for parameter in again.model.parameters():  # four steps hardly open what starts closed
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    check_policy(again.model).require()
    world, seeds = Skip(PushWorld(3, PushConfig(**ASKED)), again.preset.skip), range(3)
    again.model.read(world.spec.sentences)
    episodes = rollout(world, again.policy(), 4, seeds=seeds, noise=Noise.of(seeds))
    assert episodes.actions.valid[:, 1:].any()

    if not isinstance(again.model, Imagines):
        return
    memory = again.model.begin(3, episodes.task)
    first = Past(observation=episodes.observation.narrow("T", 0, 1), actions=episodes.actions.narrow("T", 0, 1))
    future = again.model.imagine(memory, first, noise=Noise.of(seeds))
    assert next(iter(future.observation.rgb.values())).shape[:2] == (3, again.model.video.spec.chunk)


@pytest.mark.parametrize("name", SMALL)
def test_data_without_instructions_is_refused(name):
    recipe, spec = load_recipe(name), replace(data_spec(), sentences=())
    with pytest.raises(SpecError, match=f"{name} looks ahead to what an instruction asks for, and this data has no instructions"):
        recipe.build(recipe.preset("tiny").config, spec, statistics(spec))


@pytest.mark.parametrize(("name", "same_picture", "same_words"), [("unipi", True, False), ("susie", False, True)])
def test_what_the_switch_takes_away_says_nothing_when_it_imagines(name, same_picture, same_words, recorded, tmp_path):
    """Neither while it learns nor in use: else what was never trained would speak there."""
    run = train_recipe(name, recorded, tmp_path / "run", change=lambda preset: load_recipe(name).mechanism.off(narrow(name)(preset)), steps=4, show=False)
    for parameter in run.model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.1)
    world = Skip(PushWorld(2, PushConfig(**ASKED)), run.preset.skip)
    run.read(world.spec.sentences)
    seen, task = world.reset(torch.ones(2, dtype=torch.bool), torch.arange(4, 6))
    other = Observation(rgb={camera: frames.flip(-1) for camera, frames in (seen.rgb or {}).items()})
    nothing, noise = world.spec.acts.nothing(2, 1), Noise.of(range(2))

    def imagined(observation: Observation, asked: Any) -> torch.Tensor:
        future = run.model.imagine(run.model.begin(2, asked), Past(observation=observation, actions=nothing), noise=noise).observation
        return next(iter(future.rgb.values()))

    assert task.instruction[0] != task.instruction[1]
    as_told = imagined(seen, task)
    assert torch.equal(imagined(other, task), as_told) == same_picture
    assert torch.equal(imagined(seen, replace(task, instruction=task.instruction.flip(0))), as_told) == same_words
