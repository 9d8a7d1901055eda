"""Whole draws: each kind learns a Gaussian's mean or its spread, and a draw without noise is one and the same."""

import pytest
import torch

from wam.nets.generate.generation import generation
from wam.world import Noise

MEAN, SPREAD = 0.7, 0.4


class Told(torch.nn.Module):
    """A small network of one number and its level."""

    def __init__(self, outputs: int):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(2, 64), torch.nn.SiLU(), torch.nn.Linear(64, 64), torch.nn.SiLU(), torch.nn.Linear(64, outputs))

    def forward(self, noisy, level):
        return self.body(torch.cat([noisy, level[..., None]], -1))


@pytest.mark.parametrize("kind", ["flow", "edm", "v", "regression"])
def test_draws_what_it_learned(kind):
    torch.manual_seed(0)
    drawn = generation(kind, 20)
    network = Told(drawn.outputs(1))
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    noise = Noise.of(range(512))
    for step in range(400):
        here = noise.advance(step)
        x = MEAN + SPREAD * here.fork("data").normal(1, 1)
        loss = drawn.error(network, x, here).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        found = drawn.draw(network, torch.zeros(2000, 1, 1), Noise.of(range(2000)))
    assert found.mean().item() == pytest.approx(MEAN, abs=0.06)
    assert found.std().item() == pytest.approx(SPREAD if drawn.stochastic else 0.0, abs=0.08)


@pytest.mark.parametrize("kind", ["flow", "edm", "v", "regression"])
def test_without_noise_all_rows_are_alike(kind):
    torch.manual_seed(0)
    drawn = generation(kind, 3)
    network = Told(drawn.outputs(1)).double()
    found = drawn.draw(network, torch.zeros(4, 2, 1, dtype=torch.float64), None)
    assert found.dtype == torch.float64 and torch.equal(found, found[:1].expand_as(found))
    assert (drawn.evaluations, drawn.outputs(3)) == ((1, 6) if kind == "regression" else (3, 3))
