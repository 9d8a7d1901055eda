"""Regression with predicted variance: the likelihood is torch's, its best answer is the data's moments, and beta reweighs gradients."""

import math

import pytest
import torch

from tests.nets.generate.gaussians import normal
from wam.nets.generate.regression import FLOOR, gaussian_nll, variance


def test_it_is_the_likelihood_of_a_gaussian() -> None:
    mean, log_variance, target = (normal(4, 3, seed=seed) for seed in range(3))
    expected = -torch.distributions.Normal(mean, (log_variance.exp() + FLOOR).sqrt()).log_prob(target)
    torch.testing.assert_close(gaussian_nll(mean, log_variance, target), expected)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_the_best_answer_is_mean_and_variance_of_the_data(beta: float) -> None:
    target = 0.5 + 2 * normal(5000)
    answer = torch.tensor([0.0, 0.0], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([answer], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = gaussian_nll(answer[0].expand(5000), answer[1].expand(5000), target, beta=0.0).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    loss = gaussian_nll(answer[0].expand(5000), answer[1].expand(5000), target, beta=beta).mean()
    assert torch.autograd.grad(loss, answer)[0].abs().max() < 1e-4  # the same answer is stationary for every beta
    assert answer[0].item() == pytest.approx(target.mean().item(), abs=1e-4)
    assert variance(answer.detach())[1].item() == pytest.approx(target.var(correction=0).item(), rel=1e-3)


def test_with_beta_one_the_mean_learns_as_with_the_squared_error() -> None:
    mean, log_variance, target = normal(6).requires_grad_(), 3 * normal(6, seed=1), normal(6, seed=2)
    for beta in (0.0, 0.5, 1.0):
        (gradient,) = torch.autograd.grad(gaussian_nll(mean, log_variance, target, beta=beta).sum(), mean)
        torch.testing.assert_close(gradient, (mean - target).detach() * variance(log_variance) ** (beta - 1))


def test_the_floor_bounds_the_likelihood_and_leaves_a_gradient() -> None:
    sure = torch.tensor([-50.0, -9.0], dtype=torch.float64, requires_grad=True)
    error = gaussian_nll(torch.zeros(2).double(), sure, torch.zeros(2).double())
    assert (error > 0.5 * math.log(2 * math.pi * FLOOR) - 1e-9).all()
    far = gaussian_nll(torch.zeros(2).double(), sure, torch.ones(2).double())
    assert (torch.autograd.grad(far.sum(), sure)[0] < 0).all()  # too sure: the variance is asked to grow
