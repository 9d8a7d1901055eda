"""A world on latent actions and its use by low-level ones: each reads its own, conforms, and learns from what it may learn from."""

from dataclasses import replace

import pytest
import torch

from tests.models.observation_space.test_video import seen, window
from tests.recipes.test_lewm import statistics
from wam.check import check_world_model
from wam.models.observation_space.adapted import Adapted, Pretrained
from wam.models.observation_space.latent_assembly import LatentVideoConfig, adapted_model
from wam.world import Noise, SpecError, Task

SMALL = LatentVideoConfig(
    width=8,
    levels=2,
    condition=16,
    codec=8,
    dim=16,
    depth=2,
    heads=2,
    steps=2,
    dropped_frames=0.2,
    context_noise=0.3,
    code=3,
    code_width=8,
    code_levels=2,
    code_dim=16,
    hidden=16,
)
CLIPS = {"chunk": 2, "time": "full", "relative": True, "temporal": 0.1}  # the other kinds are tested with `VideoWorldModel` and the recipes


def make(change=None) -> Adapted:
    torch.manual_seed(0)
    spec = seen()
    model = adapted_model(replace(SMALL, **(change or {})), replace(spec.observes, proprio=()), spec.acts, statistics(spec).for_proprio(()), spec.rate, ())
    for parameter in model.parameters():  # open what starts closed
        if parameter.ndim > 1 and not parameter.any():
            torch.nn.init.normal_(parameter, std=0.1)
    return model


def test_conforms():
    assert make(CLIPS).spec.consumes == seen().acts
    check_world_model(make(CLIPS), make=lambda: make(CLIPS)).require()


def test_the_world_before_adaptation_consumes_latent_actions():
    world = make().pretrained.world
    actions = world.spec.consumes.sample(2, 1)
    assert world.spec.consumes.latent == 3 and not world.spec.consumes.low_level
    carry = world.observe(world.begin(2, Task()), replace(window(2, 2, 1).past, actions=world.spec.consumes.nothing(2, 2)))
    one, two = (world.predict(carry, some, noise=Noise.of(range(2)))[1].observation.rgb for some in (actions, replace(actions, latent=-actions.latent)))
    assert not any(torch.equal(one[name], two[name]) for name in one)


def test_latent_actions_are_not_read_in_use():
    model, shown, noise = make(), window(3, 2, 1), Noise.of(range(3))
    carry = model.observe(model.begin(3, Task()), shown.past)
    beside = replace(shown.actions, latent=torch.full((3, 1, 3), 7.0))
    one, two = (model.predict(carry, actions, noise=noise)[1].observation.rgb for actions in (shown.actions, beside))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_low_level_actions_and_labels_are_not_read_in_pretraining():
    model, shown, noise = make().pretrained, window(3, 2, 1), Noise.of(range(3))
    blind = replace(shown, actions=replace(shown.actions, low_level=-shown.actions.low_level, labelled=torch.zeros(3, 1, dtype=torch.bool)))
    blind = replace(blind, past=replace(shown.past, actions=replace(shown.past.actions, labelled=torch.zeros(3, 2, dtype=torch.bool))))
    assert torch.equal(model.loss(shown, noise=noise)["video"], model.loss(blind, noise=noise)["video"])


def test_latent_actions_that_a_window_brings_are_those_that_would_be_inferred():
    model, shown, noise = make(), window(3, 2, 1), Noise.of(range(3))
    brought = model.pretrained.latent_actions.inferred(shown)
    for learner in (model, model.pretrained):
        one, two = learner.loss(shown, noise=noise), learner.loss(brought, noise=noise)
        assert all(torch.equal(one[name], two[name]) for name in one)


def test_steps_without_labels_give_no_gradient():
    model, shown, noise = make(), window(4, 2, 2), Noise.of(range(4))
    labelled = torch.tensor([[True, True], [True, False], [False, False], [False, False]])
    past = replace(shown.past, actions=replace(shown.past.actions, labelled=torch.ones(4, 2, dtype=torch.bool)))
    found = model.loss(replace(shown, past=past, actions=replace(shown.actions, labelled=labelled)), noise=noise)
    for name, value in found.items():
        assert value[:2].all() and not value[2:].any(), name
    found["video"][2:].sum().add(found["code"][2:].sum()).backward()
    assert all(parameter.grad is None or not parameter.grad.any() for parameter in model.parameters())

    first = replace(shown, valid=torch.tensor([[True, False]]).expand(4, -1))  # the second step of row 1 as if it were not there
    assert torch.allclose(found["video"][1], model.loss(first, noise=noise)["video"][1])


def test_a_translation_learns_the_codes():
    model, shown = make({"law": "regression", "width": 16, "moving": 5.0, "dropped_frames": 0.0, "context_noise": 0.0}), window(32, 2, 1)
    brought = model.pretrained.latent_actions.inferred(shown)
    optimiser = torch.optim.AdamW(model.translation.parameters(), lr=1e-2)
    losses = []
    for step in range(40):
        loss = model.loss(brought, noise=Noise.of(range(32)).advance(step))["code"].mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    spread = brought.actions.latent.var(0).mean()
    assert losses[-1] < 0.5 * float(spread)


def test_world_and_codes_must_agree():
    model = make()
    with pytest.raises(SpecError, match="ActionSpec"):
        Pretrained(make({"code": 5}).pretrained.latent_actions, model.pretrained.world)
    with pytest.raises(SpecError, match="no actions"):
        make({"acts": "none"})
