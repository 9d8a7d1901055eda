"""Errors of differences: none for what all frames share, four times the square for what alternates, and the usual error without weight."""

from dataclasses import replace

import pytest
import torch

from wam.nets.generate.flow import Flow
from wam.nets.generate.generation import Denoising, generation
from wam.world import Noise


def drawn(kind="flow", **change) -> Denoising:
    usual = generation(kind, 4)
    assert isinstance(usual, Denoising)
    return replace(usual, **change)


def off_by(wrong, x):
    """A network that knows the data and answers with the velocity plus an error."""

    def network(noisy, level):
        s = level[..., None, None, None]
        return (noisy - (1 - s) * x) / s - x + wrong

    return network


def test_an_error_that_all_frames_share_costs_nothing_more_and_one_that_flickers_does():
    noise = Noise.of(range(5))
    x = noise.fork("x").normal(3, 2, 4, 4)
    sign = torch.tensor([1.0, -1.0, 1.0])[:, None, None, None]
    shared = drawn(temporal=0.5).error(off_by(0.3, x), x, noise)
    flickers = drawn(temporal=0.5).error(off_by(0.3 * sign, x), x, noise)
    assert torch.allclose(shared, torch.full_like(x, 0.09), rtol=1e-2)
    assert torch.allclose(flickers[:, :1], torch.full_like(x[:, :1], 0.09), rtol=1e-2)
    assert torch.allclose(flickers[:, 1:], torch.full_like(x[:, 1:], 0.09 + 0.5 * 0.36), rtol=1e-2)


def test_a_single_frame_has_no_neighbour():
    noise = Noise.of(range(4))
    x = noise.fork("x").normal(1, 2, 4, 4)
    assert torch.equal(drawn(temporal=9.0).error(off_by(1.0, x), x, noise), drawn(temporal=0.0).error(off_by(1.0, x), x, noise))


def test_what_is_not_denoised_has_no_such_error():
    with pytest.raises(ValueError, match="temporal"):
        generation("regression", 1, temporal=0.1)
    with pytest.raises(ValueError, match="per_frame"):
        generation("regression", 1, per_frame=True)


@pytest.mark.parametrize("kind", ["edm", "v", "regression"])
def test_only_a_flow_is_asked_for_what_is_clean(kind):
    assert generation("flow", 4, clean=True) == drawn(process=Flow("x"))
    with pytest.raises(ValueError, match=f"'{kind}' is none"):
        generation(kind, 4, clean=True)
