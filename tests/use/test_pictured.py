"""A latent model shown: its imagined world looks like that of the model that predicts pictures."""

import dataclasses

import pytest
import torch

from tests.evaluate.dots import DotModel, DotWorld, LatentDotModel, Seeker
from tests.plan.mocks import DoubleIntegrator
from wam.check import check_env, check_world_model
from wam.plan.control.rollout import rollout
from wam.use.environment import ImaginedWorld
from wam.use.pictured import pictured
from wam.use.starts import world_starts
from wam.world import Noise, SpecError


def imagined(model) -> ImaginedWorld:
    starts = world_starts(DotWorld(2), range(7))
    return ImaginedWorld(pictured(model, starts.sentences), starts.past, starts.task, 5, budget=6)


def test_conforms():
    check_world_model(pictured(LatentDotModel())).require()
    assert check_env(imagined(LatentDotModel())).failed == ()


def test_a_policy_that_looks_acts_in_a_latent_model():
    shown, decoded = (rollout(imagined(model), Seeker(), 6, seeds=range(5), noise=Noise.of(range(5))) for model in (DotModel(), LatentDotModel()))
    torch.testing.assert_close(decoded.observation.rgb["top"], shown.observation.rgb["top"], atol=1e-4, rtol=0)
    assert decoded.observation.state is None


def test_starts_are_the_worlds_own():
    starts = world_starts(DotWorld(2), range(5))
    whole = DotWorld(5)
    seen, task = whole.reset(torch.ones(5).bool(), torch.arange(5))
    assert torch.equal(starts.past.observation.rgb["top"], seen.rgb["top"]) and torch.equal(starts.task.goal.rgb["top"], task.goal.rgb["top"])
    assert starts.names[3] == "dot, seed 3" and not starts.held_out and len(starts) == 5
    assert world_starts(DotWorld(2), [5, 2_000_000]).held_out


def test_sentences_of_the_starts_are_handed_on():
    assert pictured(DotModel(), ("a", "b")).spec.sentences == ("a", "b")
    reads = DotModel()
    reads.spec = dataclasses.replace(reads.spec, instructed=True, sentences=("a",))
    assert pictured(reads).spec.sentences == ("a",)
    with pytest.raises(SpecError, match="Use one table"):
        pictured(reads, ("b",))


def test_a_policy_that_is_told_acts_in_a_model_that_is_not():
    starts = dataclasses.replace(world_starts(DotWorld(2), range(4)), sentences=("a", "b"))
    told = dataclasses.replace(starts.task, instruction=torch.tensor([0, 1, 1, 0]))
    policy = Seeker()
    policy.spec = dataclasses.replace(policy.spec, instructed=True, sentences=("a", "b"))
    world = ImaginedWorld(pictured(DotModel(), starts.sentences), starts.past, told, 4, budget=3)
    assert rollout(world, policy, 3, seeds=range(4)).task.instruction.tolist() == [0, 1, 1, 0]


def test_a_model_without_pictures_explains_itself():
    with pytest.raises(SpecError, match="nothing can be seen"):
        pictured(DoubleIntegrator())
