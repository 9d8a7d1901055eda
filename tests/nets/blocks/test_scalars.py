"""Two-hot scalars, SimNorm, and perceptrons side by side."""

import pytest
import torch
from torch.nn import functional as F

from wam.nets.blocks.normed import Ensemble, normed_mlp
from wam.nets.blocks.simnorm import SimNorm
from wam.nets.blocks.two_hot import TwoHot, symexp, symlog


def test_a_two_hot_value_comes_back_and_the_ends_hold() -> None:
    two_hot = TwoHot(-3.0, 3.0, 13)
    values = torch.tensor([-19.0, -3.3, -0.2, 0.0, 0.01, 1.0, 7.5, 19.0])
    weights = two_hot.encode(values)
    assert torch.allclose(weights.sum(-1), torch.ones(8)) and ((weights > 0).sum(-1) <= 2).all()
    torch.testing.assert_close(two_hot.decode(weights.clamp(min=1e-30).log()), values, rtol=1e-4, atol=1e-5)
    assert two_hot.decode(two_hot.encode(torch.tensor(1e6)).clamp(min=1e-30).log()).item() == pytest.approx(symexp(torch.tensor(3.0)).item(), rel=1e-4)
    torch.testing.assert_close(symlog(symexp(torch.linspace(-5, 5, 11))), torch.linspace(-5, 5, 11))


def test_a_value_that_is_no_number_shows_in_the_loss() -> None:
    loss = TwoHot(-3.0, 3.0, 13).loss(torch.zeros(2, 13), torch.tensor([1.0, torch.nan]))
    assert loss[0].isfinite() and loss[1].isnan()


def test_the_two_hot_loss_is_least_at_its_value() -> None:
    two_hot, value = TwoHot(-3.0, 3.0, 13), torch.tensor([0.7])
    logits = torch.zeros(1, 13, requires_grad=True)
    for _ in range(300):
        (gradient,) = torch.autograd.grad(two_hot.loss(logits, value).sum(), logits)
        logits = (logits - 2 * gradient).detach().requires_grad_()
    assert two_hot.decode(logits).item() == pytest.approx(0.7, abs=0.02)


def test_simnorm_sums_to_one_in_groups() -> None:
    out = SimNorm(4)(torch.randn(3, 12))
    torch.testing.assert_close(out.view(3, 3, 4).sum(-1), torch.ones(3, 3))
    with pytest.raises(ValueError, match="10 numbers cannot be cut into groups of 4"):
        SimNorm(4)(torch.randn(3, 10))


def test_an_ensemble_is_separate_perceptrons() -> None:
    heads, x = Ensemble(3, 5, 8, 2), torch.randn(7, 5)
    torch.nn.init.normal_(heads.weights[-1])
    out = heads(x)
    for index in range(3):
        hidden = x
        for layer in range(2):
            linear = hidden @ heads.weights[layer][index] + heads.biases[layer][index]
            hidden = F.silu(F.layer_norm(linear, (8,), heads.scales[layer][index, 0], heads.shifts[layer][index, 0]))
        torch.testing.assert_close(out[index], hidden @ heads.weights[2][index] + heads.biases[2][index])


def test_frozen_heads_pass_gradients_on_to_their_input_only() -> None:
    heads, x = Ensemble(2, 5, 8, 1), torch.randn(7, 5, requires_grad=True)
    torch.nn.init.normal_(heads.weights[-1])
    torch.testing.assert_close(heads(x, frozen=True), heads(x))
    heads(x, frozen=True).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0 and all(parameter.grad is None for parameter in heads.parameters())
    assert Ensemble(2, 5, 8, 1)(x).abs().max() == 0  # an untrained one says zero


def test_the_last_layer_of_a_normed_perceptron_is_linear_or_normed() -> None:
    assert isinstance(normed_mlp(3, 8, 4)[-1], torch.nn.Linear)
    out = normed_mlp(3, 8, 4, 1, SimNorm(4))(torch.randn(6, 3))
    torch.testing.assert_close(out.sum(-1), torch.ones(6))
