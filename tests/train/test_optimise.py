"""AdamW against its equations, the schedule at its corners, the average against a plain loop."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from wam.train import Gradient
from wam.train.optimise import Average, adamw, learning_rate, moments, set_moments

LEARNER = Gradient(weights={"a": 1.0}, steps=100, warmup=10, learning_rate=0.1, final_learning_rate=0.2, weight_decay=0.5, betas=(0.8, 0.9))


def test_the_rate_rises_then_falls_to_its_fraction() -> None:
    rates = [learning_rate(LEARNER, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.01) and rates[9] == rates[10] == pytest.approx(0.1) and rates[-1] == pytest.approx(0.02)
    assert all(a < b for a, b in pairwise(rates[:10])) and all(a > b for a, b in pairwise(rates[10:]))
    middle = (10 + 99) / 2  # halfway down the cosine lies the mean of its ends
    assert (learning_rate(LEARNER, math.floor(middle)) + learning_rate(LEARNER, math.ceil(middle))) / 2 == pytest.approx(0.06)


def test_no_warmup_and_a_single_step_are_fine() -> None:
    assert learning_rate(Gradient(weights={"a": 1.0}, steps=1, warmup=0, learning_rate=0.1), 0) == pytest.approx(0.1)


def test_adamw_follows_its_equations_and_decays_matrices_only() -> None:
    model = nn.Linear(3, 2)
    parameters = dict(model.named_parameters())
    optimiser = adamw(LEARNER, parameters)
    expected = {name: parameter.detach().clone().double() for name, parameter in parameters.items()}
    first = {name: torch.zeros_like(value) for name, value in expected.items()}
    second = {name: torch.zeros_like(value) for name, value in expected.items()}
    for step in range(1, 6):
        for name, parameter in parameters.items():
            gradient = torch.full_like(parameter, float(step)) * (1 if name == "weight" else -1)
            parameter.grad = gradient
            first[name] = 0.8 * first[name] + 0.2 * gradient.double()
            second[name] = 0.9 * second[name] + 0.1 * gradient.double().square()
            decay = 0.5 if name == "weight" else 0.0
            update = (first[name] / (1 - 0.8**step)) / ((second[name] / (1 - 0.9**step)).sqrt() + 1e-8)
            expected[name] = expected[name] * (1 - 0.1 * decay) - 0.1 * update
        optimiser.step()
    for name, parameter in parameters.items():
        torch.testing.assert_close(parameter.detach().double(), expected[name], rtol=1e-5, atol=1e-6)


def stepped() -> tuple[nn.Module, torch.optim.AdamW]:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimiser = adamw(LEARNER, dict(model.named_parameters()))
    model(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    return model, optimiser


def test_moments_survive_and_the_next_step_is_the_same() -> None:
    model, optimiser = stepped()
    other = nn.Linear(3, 2)
    other.load_state_dict(model.state_dict())
    fresh = adamw(LEARNER, dict(other.named_parameters()))
    set_moments(fresh, dict(other.named_parameters()), moments(optimiser, dict(model.named_parameters())))
    for each, opt in ((model, optimiser), (other, fresh)):
        each.zero_grad()
        (each(torch.ones(1, 3)) ** 2).sum().backward()
        opt.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))


def test_a_run_in_which_a_parameter_never_had_a_gradient_goes_on() -> None:
    """A head of weight 0 has no moments, as it would have none without the interruption."""
    torch.manual_seed(0)
    model = nn.ModuleDict({"learns": nn.Linear(3, 2), "idle": nn.Linear(3, 2)})
    parameters = dict(model.named_parameters())
    optimiser = adamw(LEARNER, parameters)
    model["learns"](torch.ones(1, 3)).sum().backward()
    optimiser.step()
    stored = moments(optimiser, parameters)
    assert not any(name.startswith("idle") for name in stored)
    fresh = adamw(LEARNER, parameters)
    set_moments(fresh, parameters, stored)
    assert all(torch.equal(value, stored[name]) for name, value in moments(fresh, parameters).items())
    model["idle"](torch.ones(1, 3)).sum().backward()
    fresh.step()


def test_moments_of_another_model_are_refused() -> None:
    model, optimiser = stepped()
    stored = moments(optimiser, dict(model.named_parameters()))
    wider = nn.Linear(4, 2)
    with pytest.raises(ValueError, match=r"\(2, 3\).*\(2, 4\)"):
        set_moments(adamw(LEARNER, dict(wider.named_parameters())), dict(wider.named_parameters()), stored)
    bare = nn.Linear(3, 2, bias=False)
    with pytest.raises(ValueError, match="bias"):
        set_moments(adamw(LEARNER, dict(bare.named_parameters())), dict(bare.named_parameters()), stored)


def test_the_average_follows_a_plain_loop_and_reaches_tied_weights() -> None:
    model = nn.Module()
    model.a, model.b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
    model.b.weight = model.a.weight
    model.register_buffer("count", torch.tensor(3.0))
    average = Average(0.5, dict(model.named_parameters()))
    expected = model.a.weight.detach().clone()
    for step in range(10):
        with torch.no_grad():
            model.a.weight.add_(step)
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * model.a.weight.detach()
    state = average.state(model)
    torch.testing.assert_close(state["a.weight"], expected)
    assert state["b.weight"] is state["a.weight"] and state["count"] == 3
    average.apply()
    torch.testing.assert_close(model.b.weight.detach(), expected)
