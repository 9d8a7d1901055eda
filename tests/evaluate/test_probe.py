"""The ridge probe against the normal equations and known readings."""

import pytest
import torch

from tests.evaluate.dots import windows
from wam.evaluate.probe import STRENGTH, distances, fit_probe, picture_features, positions_of_objects, positions_of_proprio, r2


@pytest.mark.parametrize("columns", [6, 80])
def test_probe_minimises_the_ridge_objective(columns):
    """The gradient of squared error + ridge * squared weights is zero, with more rows than columns and with fewer."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(50, columns, generator=generator).double(), torch.randn(50, 2, 2, generator=generator).double()
    probe = fit_probe(x, y)
    weight = probe.weight.clone().requires_grad_()
    bias = probe.bias.clone().requires_grad_()
    ridge = STRENGTH * ((x - x.mean(0)) ** 2).sum(0).mean()
    (((x @ weight + bias - y.flatten(1)) ** 2).sum() + ridge * (weight**2).sum()).backward()
    assert weight.grad.abs().max() < 1e-9 and bias.grad.abs().max() < 1e-9


def test_probe_finds_a_dot_in_pictures():
    train, test = windows(200, seed=1000), windows(40)
    read = positions_of_objects(("dot",)).read
    features = [picture_features(window.whole()[0].observation.rgb) for window in (train, test)]
    probe = fit_probe(features[0].flatten(0, 1), read(train).flatten(0, 1))
    found = probe(features[1])
    assert found.shape == (40, 7, 1, 3)
    assert float(distances(found, read(test)).mean()) < 0.05  # px
    assert r2(found.flatten(0, 2), read(test).flatten(0, 2)) > 0.999


def test_r2_of_the_mean_is_zero_and_of_truth_one():
    places = torch.rand(30, 2, generator=torch.Generator().manual_seed(0))
    assert r2(places, places) == 1
    assert r2(places.mean(0).expand(30, 2), places) == pytest.approx(0, abs=1e-6)


def test_errors_explain():
    with pytest.raises(ValueError, match="NaN or infinite"):
        fit_probe(torch.full((3, 2), float("nan")), torch.zeros(3, 1, 2))
    with pytest.raises(ValueError, match="no proprioception"):
        positions_of_proprio("gripper", (0, 1, 2)).read(windows(2))
