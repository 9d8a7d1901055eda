"""unipi, susie and vpp tiny: two halves learn apart, the whole loads, conforms, imagines and acts on instructions."""

from dataclasses import replace

import pytest
import torch

from wam.check import check_policy
from wam.jobs.record import record_world
from wam.plan.control.rollout import rollout
from wam.recipes import load, train_recipe
from wam.sim.adapters.skip import Skip
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.world import Imagines, Noise, Past

ASKED = {"task": "instruction", "zones": 2}
SMALL = {
    "unipi": {"inverse": 16},
    "susie": {"policy": 32, "channels": 16},
    "vpp": {"policy": 16, "layers": 1, "queries": 2, "cells": 2},
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record_world("push", tmp_path_factory.mktemp("push") / "set", episodes=20, policies={"expert": 1.0}, options=ASKED, truth=())


@pytest.mark.parametrize("name", SMALL)
def test_trains_loads_and_acts(name, recorded, tmp_path):
    def narrow(preset):
        return replace(preset, config=replace(preset.config, width=8, levels=2, condition=16, steps=2, **SMALL[name]))

    run = train_recipe(name, recorded, tmp_path / "run", change=narrow, steps=4, show=False)
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
