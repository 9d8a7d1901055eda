"""Guidance against Gaussians that differ in their mean: what is drawn then has its closed form."""

import pytest
import torch

from tests.nets.generate.gaussians import COVARIANCE, PROCESSES, best, carried, normal
from wam.nets.generate.denoise import Net, denoise
from wam.nets.generate.guidance import guided
from wam.nets.generate.process import Process
from wam.nets.generate.schedule import descend

NOTHING, PICTURE, TEXT = (torch.tensor(mean, dtype=torch.float64) for mean in ([0.0, 0.0, 0.0], [1.0, 0.0, -1.0], [0.5, 2.0, 0.0]))


def test_one_and_two_conditions() -> None:
    nothing, picture, both = (normal(4, 2, seed=seed) for seed in range(3))
    assert torch.equal(guided([nothing, picture], [0.0]), nothing)
    torch.testing.assert_close(guided([nothing, picture], [1.0]), picture)
    torch.testing.assert_close(guided([nothing, picture], [3.0]), nothing + 3 * (picture - nothing))
    expected = nothing + 1.5 * (picture - nothing) + 7.5 * (both - picture)  # InstructPix2Pix, eq. 3
    torch.testing.assert_close(guided([nothing, picture, both], [1.5, 7.5]), expected)
    with pytest.raises(ValueError, match="3 outputs with 1 weights"):
        guided([nothing, picture, both], [2.0])


@pytest.mark.parametrize("name", ["flow", "edm", "ddpm v"])
def test_guided_gaussians_have_the_guided_mean(name: str) -> None:
    """N(m_i, C) with weights gives N(m_0 + w_1 (m_1 - m_0) + w_2 (m_2 - m_1), C): scores are linear in the mean."""
    process: Process = PROCESSES[name]
    nets = [best((process,), (3,), mean=mean) for mean in (NOTHING, PICTURE, TEXT)]
    net: Net = lambda x, s: (guided([one(x, s)[0] for one in nets], [2.0, 1.5]),)  # noqa: E731
    start = process.start(normal(500, 1, 3))
    (x,) = denoise(net, (process,), (start,), descend(450))
    mean = NOTHING + 2.0 * (PICTURE - NOTHING) + 1.5 * (TEXT - PICTURE)
    torch.testing.assert_close(x[:, 0], carried(process, start[:, 0], 1.0, mean, COVARIANCE), rtol=0, atol=0.02)
