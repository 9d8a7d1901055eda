"""fast_wam tiny: each of its four arms trains, loads and acts; the fast arm and the one without video never touch the future."""

from dataclasses import replace

import pytest
import torch

from wam.check import check_policy
from wam.jobs.record import record_world
from wam.plan.control.rollout import rollout
from wam.recipes import load, train_recipe
from wam.recipes.fast_wam import RECIPE, with_arm, without_video
from wam.sim.adapters.skip import Skip
from wam.sim.worlds.push import PushConfig, PushWorld
from wam.world import Noise

ASKED = {"task": "instruction", "zones": 2}
TOKENS = {  # of each network evaluation of a decision, by arm: 16 per frame and 1 per step of actions
    "fast": [16, 4, 4],
    "no_video": [16, 4, 4],
    "joint": [16, 68, 68],
    "imagine_first": [16, 64, 64, 64, 4, 4],
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    return record_world("push", tmp_path_factory.mktemp("push") / "set", episodes=20, policies={"expert": 1.0}, options=ASKED, truth=())


@pytest.mark.parametrize("arm", TOKENS)
def test_trains_loads_and_acts(arm, recorded, tmp_path):
    def narrow(preset):
        config = replace(preset.config, codec=8, dim=16, narrow=8, depth=1, heads=2, condition=16, words=16, steps=2)
        return with_arm(replace(preset, config=config), arm)

    run = train_recipe("fast_wam", recorded, tmp_path / "run", change=narrow, steps=4, show=False)
    again = load(run.folder)
    assert all(torch.equal(one, two) for one, two in zip(run.model.state_dict().values(), again.model.state_dict().values(), strict=True))
    if arm == "fast":
        check_policy(again.model, make=lambda: load(run.folder).model).require()
    passes, trace = [], again.model.network.net.trace

    def counted(tokens, *rest, **named):
        passes.append(sum(part.shape[1] for part in tokens if part is not None))
        return trace(tokens, *rest, **named)

    again.model.network.net.trace = counted
    world, seeds = Skip(PushWorld(2, PushConfig(**ASKED)), again.preset.skip), range(2)
    again.model.read(world.spec.sentences)
    episodes = rollout(world, again.policy(), 1, seeds=seeds, noise=Noise.of(seeds))  # one decision
    assert episodes.actions.valid[:, 1:].any()
    assert passes == TOKENS[arm]


def test_the_switch_turns_the_video_off_and_nothing_else():
    tiny = RECIPE.presets["tiny"]
    off = without_video(tiny)
    assert off.config == replace(tiny.config, arm="no_video")
    (on,), (without,) = tiny.stages, off.stages
    assert without.learner == replace(on.learner, weights={"actions": 1.0})
    *pictures, _ = RECIPE.presets["small"].stages
    assert pictures == list(without_video(RECIPE.presets["small"]).stages[:-1])
