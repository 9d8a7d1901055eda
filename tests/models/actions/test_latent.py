"""Latent actions: in a world where a picture shifts by its action, the code is that shift; labels are never looked at."""

from dataclasses import replace

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from wam.evaluate.probe import fit_probe, r2
from wam.models.actions.changes import Changes
from wam.models.actions.latent import LatentActionModel
from wam.world import Actions, Future, Noise, Observation, Past, Task, Window, to_float

SIZE = 16


class Grey:
    """One channel, -1..1."""

    shape = (1, SIZE, SIZE)

    def encode(self, observation):
        return 2 * to_float(observation.rgb["top"])[:, :, :1] - 1


def window(rows: int, first: int = 0, steps: int = 2) -> Window:
    """A soft bright spot on a dark table, which each action shifts by so many pixels."""
    noise = Noise.of(range(first, first + rows))
    shift = 5 * noise.fork("shift").uniform(steps, 2) - 2.5
    place = 4.0 + 8 * noise.fork("place").uniform(1, 2) + torch.cat([torch.zeros(rows, 1, 2), shift[:, 1:]], 1).cumsum(1)
    down, across = (torch.exp(-((torch.arange(SIZE) - side[..., None]) ** 2) / 4) for side in place.unbind(-1))
    frames = (down[..., :, None] * across[..., None, :])[:, :, None].expand(-1, -1, 3, -1, -1)
    valid = torch.ones(rows, steps, 1, dtype=torch.bool)
    valid[:, 0] = False
    shown, actions = Observation(rgb={"top": frames}), Actions(valid=valid, low_level=shift[:, :, None])
    return Window(
        past=Past(observation=shown.narrow("T", 0, 1), actions=actions.narrow("T", 0, 1)),
        actions=actions.narrow("T", 1),
        future=Future(observation=shown.narrow("T", 1)),
        valid=torch.ones(rows, steps - 1, dtype=torch.bool),
        task=Task(),
    )


def make(**change) -> LatentActionModel:
    torch.manual_seed(0)
    return LatentActionModel(Grey(), 4, **{"width": 8, "levels": 2, "dim": 32, "moving": 5.0, **change})


def test_the_code_of_a_shifted_picture_is_the_shift():
    model = make(width=16)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95))
    for step in range(200):
        found = model.loss(window(32, 32 * step), noise=Noise.of(range(32)).advance(step))
        optimiser.zero_grad()
        (found["reconstruction"] + 1e-3 * found["kl"]).mean().backward()
        optimiser.step()
    seen, fresh = window(1000), window(500, 1_000_000)
    with torch.no_grad():
        codes = [model.infer_actions(some.whole()[0].observation).latent[:, 1] for some in (seen, fresh)]
        z = Grey().encode(fresh.whole()[0].observation)
        shown = model.following(z[:, :1], codes[1][:, None])
    probe = fit_probe(codes[0], seen.actions.low_level[:, 0])
    assert r2(probe(codes[1][:, None])[:, 0, 0], fresh.actions.low_level[:, 0, 0]) > 0.9
    assert (shown - z[:, 1:]).square().mean() < 0.5 * (z[:, :1] - z[:, 1:]).square().mean()


def test_labels_are_not_looked_at():
    model, shown, noise = make(), window(4), Noise.of(range(4))
    blind = replace(shown, actions=replace(shown.actions, low_level=None, labelled=torch.zeros(4, 1, dtype=torch.bool)))
    blind = replace(blind, past=replace(shown.past, actions=replace(shown.past.actions, low_level=None, labelled=torch.zeros(4, 1, dtype=torch.bool))))
    one, two = model.loss(shown, noise=noise), model.loss(blind, noise=noise)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_what_does_not_follow_is_not_learned_from():
    model, shown = make(), window(3, steps=3)
    valid = shown.actions.valid.clone()
    valid[0, 0] = False
    ends = torch.tensor([[True, True], [True, False], [False, False]])
    masked = replace(shown, actions=replace(shown.actions, valid=valid), valid=ends)
    frames = masked.future.observation.rgb["top"].clone().requires_grad_()
    model._seen = lambda observation: Grey().encode(observation)  # a codec that lets gradients through
    found = model.loss(replace(masked, future=Future(observation=Observation(rgb={"top": frames}))), noise=Noise.of(range(3)))
    sum(value.sum() for value in found.values()).backward()
    reached = frames.grad.abs().sum((2, 3, 4)) > 0
    assert reached.tolist() == [[True, True], [True, False], [False, False]]
    assert found["kl"][2] == 0 and found["reconstruction"][2] == 0


def test_the_nats_are_those_between_the_code_and_a_standard_normal():
    model, shown = make(), window(5)
    mean, log_variance = model.posterior(Grey().encode(shown.whole()[0].observation))
    nats = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum((1, 2))
    assert torch.allclose(model.loss(shown, noise=Noise.of(range(5)))["kl"], nats, rtol=1e-4)


def test_codes_are_means_without_noise_and_draws_of_their_row_with_it():
    model, frames = make(per_step=3), window(4, steps=3).whole()[0].observation
    found, again = model.infer_actions(frames), model.infer_actions(frames)
    assert torch.equal(found.latent, again.latent) and found.latent.shape == (4, 3, 4) and found.valid.shape == (4, 3, 3)
    assert not found.latent[:, 0].any() and not found.valid[:, 0].any() and found.valid[:, 1:].all()
    drawn = model.infer_actions(frames, noise=Noise.of(range(4))).latent
    turned = model.infer_actions(frames.select(torch.tensor([2, 0])), noise=Noise.of([2, 0])).latent
    assert not torch.equal(drawn, found.latent) and torch.allclose(turned, drawn[[2, 0]], atol=1e-5)


def test_a_window_gets_the_codes_of_its_stretch():
    model, shown = make(), window(3, steps=4)
    told = model.inferred(shown)
    latent = model.infer_actions(shown.whole()[0].observation).latent
    assert torch.equal(torch.cat([told.past.actions.latent, told.actions.latent], 1), latent)
    assert torch.equal(told.actions.low_level, shown.actions.low_level) and torch.equal(told.actions.valid, shown.actions.valid)


@pytest.mark.parametrize("by", [(4, 0), (0, 4), (-4, 4)])
def test_a_change_is_the_same_wherever_it_happens(by):
    torch.manual_seed(0)
    encoder = Changes(1, 6, width=8, dim=16)
    pair = torch.zeros(2, 1, 1, 96, 96)
    pair[0, ..., 44:48, 44:48], pair[1, ..., 46:50, 45:49] = 1.0, 1.0
    assert torch.allclose(encoder(*pair), encoder(*pair.roll(by, (3, 4))), atol=1e-4)


def test_a_code_says_something_before_anything_is_learned():
    codes = make().infer_actions(window(200).whole()[0].observation).latent[:, 1].detach()
    assert 0.05 < float(codes.std(0).mean()) < 3
