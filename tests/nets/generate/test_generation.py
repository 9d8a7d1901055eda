"""Whole draws: with the best network for a Gaussian they have its moments; a regressor learns its mean; without noise all rows are alike."""

import pytest
import torch

from wam.nets.generate.ddpm import Ddpm
from wam.nets.generate.edm import Edm
from wam.nets.generate.flow import Flow
from wam.nets.generate.generation import action_generation, generation
from wam.world import Noise

MEAN, SPREAD = 0.7, 0.4


class Told(torch.nn.Module):
    """A small network of one number and its level."""

    def __init__(self, outputs: int):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(2, 32), torch.nn.SiLU(), torch.nn.Linear(32, outputs))

    def forward(self, noisy, level):
        return self.body(torch.cat([noisy, level[..., None]], -1))


@pytest.mark.parametrize(("kind", "process"), [("flow", Flow()), ("v", Ddpm())])
def test_the_best_network_draws_the_gaussian_and_errs_least(kind, process):
    def best(noisy, level):
        """The mean of what is asked for, given the state."""
        s = level[..., None]
        (alpha, sigma), (p, q) = process.scales(s), process.asks(s)
        surprise = (noisy - alpha * MEAN) / (alpha**2 * SPREAD**2 + sigma**2)
        return p * (MEAN + alpha * SPREAD**2 * surprise) + q * sigma * surprise

    drawn = generation(kind, 60)
    found = drawn.draw(best, torch.zeros(4000, 1, 1), Noise.of(range(4000)))
    assert found.mean().item() == pytest.approx(MEAN, abs=0.03)
    assert found.std().item() == pytest.approx(SPREAD, abs=0.03)
    noise = Noise.of(range(4000)).fork("training")
    x = MEAN + SPREAD * noise.fork("data").normal(1, 1)
    least = drawn.error(best, x, noise).mean()
    assert all(drawn.error(lambda *asked, by=by: best(*asked) + by, x, noise).mean() > least for by in (-0.2, 0.2))


@pytest.mark.parametrize(("kind", "process"), [("flow", Flow()), ("v", Ddpm()), ("edm", Edm(sigma_data=1.0))])
def test_what_is_continued_goes_on_as_it_began(kind, process):
    """Chunks are four times -1 or four times 1, by a coin: with the best network a chunk follows what is given of it, where half of them would not."""

    def best(entering, told):
        level = (told * 4).exp() if kind == "edm" else told  # its sigma; the others are told s
        alpha, sigma = (1.0, level[..., None]) if kind == "edm" else process.scales(level[..., None])
        noisy = entering * (sigma**2 + 1).sqrt() if kind == "edm" else entering
        x = (alpha * noisy.sum(1, keepdim=True) / sigma[:, :1] ** 2).tanh().expand_as(noisy)
        if kind == "edm":
            return (sigma * x - (noisy - x) / sigma) / (sigma**2 + 1).sqrt()
        p, q = process.asks(level[..., None])
        return p * x + q * (noisy - alpha * x) / sigma

    drawn, rows, chance = action_generation(kind, 30) if kind != "flow" else generation(kind, 30), 200, Noise.of(range(200))
    alone = drawn.draw(best, torch.zeros(rows, 4, 1), chance)
    assert (alone.abs() - 1).abs().max() < 0.05 and 60 < int((alone[:, 3] > 0).sum()) < 140
    planned, given = torch.tensor([-1.0, 0, 0, 0]).expand(rows, -1)[..., None], torch.tensor([1.0, 0, 0, 0]).expand(rows, -1)
    with torch.no_grad():
        found = drawn.continued(best, planned, given, chance)
        free = drawn.continued(best, planned, 0 * given, chance)
    assert torch.equal(found[:, 0], planned[:, 0]) and not found.requires_grad
    assert int((found[:, 1:] + 1).abs().amax((1, 2)).lt(0.05).sum()) > 0.85 * rows
    torch.testing.assert_close(free, alone, atol=1e-3, rtol=0)


def test_edms_network_answers_at_unit_scale_whatever_the_spread_of_the_data():
    """The paper's preconditioning (table 1): what the network is asked for has variance 1, if it is told the spread of the data."""
    noise = Noise.of(range(20_000))
    for spread in (0.5, 1.0):
        drawn = generation("edm", 4, spread=spread)
        none = drawn.error(lambda noisy, level: torch.zeros_like(noisy), spread * noise.fork("data").normal(1, 1), noise)
        assert none.mean().item() == pytest.approx(1, abs=0.03)
    assert action_generation("edm", 4) == generation("edm", 4, spread=1.0)


def test_a_regressor_learns_the_mean():
    torch.manual_seed(0)
    drawn = generation("regression", 1)
    network = Told(drawn.outputs(1))
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    noise = Noise.of(range(256))
    for step in range(200):
        loss = drawn.error(network, MEAN + SPREAD * noise.advance(step).normal(1, 1), noise).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        found = drawn.draw(network, torch.zeros(2, 1, 1), None)
    assert found.flatten().tolist() == pytest.approx([MEAN, MEAN], abs=0.06)


@pytest.mark.parametrize("kind", ["flow", "edm", "v", "regression"])
def test_without_noise_all_rows_are_alike(kind):
    torch.manual_seed(0)
    drawn = generation(kind, 3)
    network = Told(drawn.outputs(1)).double()
    found = drawn.draw(network, torch.zeros(4, 2, 1, dtype=torch.float64), None)
    assert found.dtype == torch.float64 and torch.equal(found, found[:1].expand_as(found))
    assert drawn.outputs(3) == (6 if kind == "regression" else 3)
    noisy, level = drawn.first(torch.zeros(4, 2, 1, dtype=torch.float64), Noise.of(range(4)))
    assert noisy.shape == (4, 2, 1) and level.shape == (4, 2)
