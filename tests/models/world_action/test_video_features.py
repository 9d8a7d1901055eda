"""What a video model expects reaches the actions of VPP, and learning to act leaves the video model as it is."""

from dataclasses import replace

import pytest
import torch

from tests.recipes.test_lewm import data_spec, statistics
from wam.models.world_action.video_features import FeaturePolicy
from wam.recipes.vpp import RECIPE
from wam.world import Actions, Future, Noise, Past, Task, Window

NARROW = {"width": 8, "levels": 2, "condition": 16, "steps": 2, "policy": 16, "layers": 1, "queries": 2, "cells": 2, "eye": 0, "points": 0}
MAKES = {"U-Net": {}, "transformer": {"head": "transformer"}, "places": {"points": 2}}


def make(**changed) -> FeaturePolicy:
    spec = replace(data_spec(), sentences=("push it left", "push it right"))
    policy = RECIPE.build(replace(RECIPE.preset("tiny").config, **NARROW | changed), spec, statistics(spec))
    for parameter in policy.parameters():  # open what starts closed
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return policy


def given(policy: FeaturePolicy, rows: int = 3) -> tuple[Past, Task]:
    noise = Noise.of(range(rows))
    seen = Past(observation=policy.spec.observes.sample(rows, 1, noise), actions=policy.spec.acts.nothing(rows, 1))
    return seen, Task(instruction=torch.zeros(rows, dtype=torch.int64))


CHANGES = {"none": torch.zeros_like, "those of another row": lambda picture: picture.roll(1, 0)}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("changed", MAKES.values(), ids=MAKES)
def test_other_features_give_other_tokens_and_other_actions(changed, change, monkeypatch):
    """Words, noise and what is seen stay: the hidden pictures of the video model are all that differs."""
    policy = make(**changed).eval()
    seen, task = given(policy)
    features = policy.perception.video.features

    def acted() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        memory, actions = policy.act(policy.begin(3, task), seen, noise=Noise.of([7, 7, 7]))
        known = policy.perception(memory, None)
        return actions.low_level, known.tokens, known.vector

    def other(*args, **options):
        hidden, told = features(*args, **options)
        return [change(picture) for picture in hidden], told

    own = acted()
    monkeypatch.setattr(policy.perception.video, "features", other)
    actions, tokens, vector = acted()
    for row in range(3):
        assert not torch.equal(actions[row], own[0][row]) and not torch.allclose(tokens[row], own[1][row])
        assert torch.equal(vector[row], own[2][row]) == (not changed.get("points"))  # places alone tell of the pictures beside the tokens


def test_learning_to_act_gives_the_video_model_no_gradient():
    policy = make(points=2)
    seen, task = given(policy)
    steps, rows = policy.spec.chunk, 3
    valid = torch.ones(rows, steps, dtype=torch.bool)
    actions: Actions = policy.spec.acts.sample(rows, steps, Noise.of(range(rows)))
    window = Window(past=seen, actions=actions, future=Future(observation=policy.spec.observes.sample(rows, steps)), valid=valid, task=task)
    policy.loss(window, noise=Noise.of(range(rows)))["actions"].sum().backward()
    learns = {name for name, parameter in policy.named_parameters() if parameter.grad is not None and parameter.grad.any()}
    assert not [name for name in learns if name.startswith("perception.video.")]
    for part in ("perception.resample.", "perception.places.", "perception.sum_up.", "head."):
        assert any(name.startswith(part) for name in learns), part


@pytest.mark.parametrize("preset", RECIPE.presets.values(), ids=RECIPE.presets)
def test_the_stage_of_the_policy_freezes_the_video_model(preset):
    video, policy = preset.stages
    assert video.parts == policy.frozen == ("perception.video",) and policy.after == (video.name,)
