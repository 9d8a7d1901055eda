"""diffusion_policy tiny: trains on instructed demonstrations, loads, conforms, and acts on instructions."""

from dataclasses import replace

import torch

from wam.check import check_policy
from wam.jobs.record import record_world
from wam.plan.control.rollout import rollout
from wam.recipes import load, train_recipe
from wam.sim.adapters.skip import Skip
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.world import Noise


def test_trains_loads_and_acts(tmp_path):
    asked = {"task": "instruction", "zones": 2}
    data = record_world("push", tmp_path / "set", episodes=20, policies={"expert": 1.0}, options=asked, truth=())

    def narrow(preset):
        return replace(preset, config=replace(preset.config, dim=32, channels=16, steps=2))

    run = train_recipe("diffusion_policy", data, tmp_path / "run", change=narrow, steps=5, show=False)
    again = load(run.folder)
    assert all(torch.equal(one, two) for one, two in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True))
    assert again.model.spec.instructed
    check_policy(again.model).require()
    world, seeds = Skip(PushWorld(3, PushConfig(**asked)), again.preset.skip), range(3)
    again.model.read(world.spec.sentences)  # the set's table holds what was asked in it, in that order
    episodes = rollout(world, again.policy(), 4, seeds=seeds, noise=Noise.of(seeds))
    assert episodes.actions.valid[:, 1:].any() and episodes.decided.sum() == 3 * 2  # two actions of a chunk are done
