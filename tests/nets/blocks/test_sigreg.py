"""The sketched test against its integral, done by another rule, and against what autocast would make of it."""

import math

import pytest
import torch

from wam.nets.blocks.sigreg import sigreg

DIRECTIONS = torch.randn(64, 8, generator=torch.Generator().manual_seed(0))


def test_it_is_near_one_for_a_gaussian_and_of_the_order_of_the_samples_for_a_point() -> None:
    """All samples at 0 have phi = 1: n * integral of (1 - exp(-t^2 / 2))^2 exp(-t^2 / 2), three Gaussian integrals, here in -3..3."""
    z = torch.randn(4000, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert sigreg(z, DIRECTIONS).item() == pytest.approx(1, abs=0.6)
    within = [math.sqrt(2 * math.pi / k) * math.erf(3 * math.sqrt(k / 2)) for k in (1, 2, 3)]
    expected = 100 * (within[0] - 2 * within[1] + within[2])
    assert sigreg(torch.zeros(100, 8, dtype=torch.float64), DIRECTIONS, knots=401).item() == pytest.approx(expected, rel=1e-4)


def test_lengths_of_directions_do_not_matter() -> None:
    z = torch.randn(50, 8, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(sigreg(z, DIRECTIONS), sigreg(z, 7 * DIRECTIONS))


def test_autocast_does_not_reach_it() -> None:
    z = (3 * torch.randn(50, 8, generator=torch.Generator().manual_seed(3))).requires_grad_()
    (usual,) = torch.autograd.grad(sigreg(z, DIRECTIONS), z)
    with torch.autocast("cpu", torch.bfloat16):
        under = sigreg(z, DIRECTIONS)
    (cast,) = torch.autograd.grad(under, z)
    assert torch.equal(usual, cast)


def test_shapes_can_be_asked_for_without_numbers() -> None:
    assert sigreg(torch.zeros(5, 8, device="meta"), DIRECTIONS.to("meta")).shape == ()
