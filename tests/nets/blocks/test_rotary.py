"""Rotary positions: scores depend on differences of places only, each axis counts, and lengths stay."""

import math

import pytest
import torch

from wam.nets.blocks.rotary import rotate, turns

EXACT = torch.float64


def turned(x, places):
    """Of heads "B heads L e"."""
    return rotate(x.transpose(1, 2), turns(places, x.shape[-1], x.dtype)).transpose(1, 2)


@pytest.mark.parametrize(("axes", "width"), [(1, 4), (2, 8), (3, 10), (3, 32)])
def test_scores_depend_on_differences_of_places_only(axes, width):
    torch.manual_seed(0)
    query, key = torch.randn(2, 2, 3, 6, width, dtype=EXACT)
    places = torch.randint(0, 9, (6, axes)) + torch.rand(6, axes, dtype=EXACT)  # fractional ones too
    moved = places + torch.tensor([400.0, -3.5, 7.25], dtype=EXACT)[:axes]
    scores = [turned(query, where) @ turned(key, where).mT for where in (places, moved)]
    assert torch.allclose(*scores, atol=1e-9)
    assert not torch.allclose(scores[0], query @ key.mT)


@pytest.mark.parametrize("axis", range(3))
def test_every_axis_counts_and_none_stands_for_another(axis):
    torch.manual_seed(0)
    x, places = torch.randn(1, 1, 1, 12, dtype=EXACT), torch.zeros(1, 3)
    places[0, axis] = 1
    changed = (turned(x, places) - x).abs()[0, 0, 0] > 1e-12
    pairs = torch.arange(12) % 6
    assert changed.tolist() == (pairs // 2 == axis).tolist()


def test_lengths_stay_and_the_origin_turns_nothing():
    x = torch.randn(2, 3, 5, 8, dtype=EXACT)
    assert torch.equal(turned(x, torch.zeros(5, 2, dtype=torch.int64)), x)
    assert torch.allclose(turned(x, torch.arange(10).view(5, 2)).norm(dim=-1), x.norm(dim=-1))


def test_the_first_pair_is_the_rotation_of_the_plane():
    x = torch.tensor([1.0, 0, 0, 0], dtype=EXACT).view(1, 1, 1, 4)
    out = turned(x, torch.tensor([[0.3]], dtype=EXACT)).flatten()
    assert torch.allclose(out, torch.tensor([math.cos(0.3), 0, math.sin(0.3), 0], dtype=EXACT))


def test_rows_may_have_places_of_their_own():
    x, places = torch.randn(2, 3, 5, 8), torch.rand(2, 5, 2) * 9
    both = turned(x, places)
    for row in range(2):
        assert torch.allclose(both[row], turned(x[row : row + 1], places[row])[0])


def test_half_precision_is_turned_in_single_precision_and_comes_back_as_it_was():
    x, places = torch.randn(1, 1, 4, 8), torch.arange(4)[:, None] * 300
    half = turned(x.bfloat16(), places)
    assert half.dtype == torch.bfloat16
    assert torch.allclose(half.float(), turned(x.bfloat16().float(), places), atol=0.02)


@pytest.mark.parametrize(("axes", "width"), [(3, 4), (1, 5), (0, 8)])
def test_a_head_too_narrow_for_its_axes_is_refused(axes, width):
    with pytest.raises(ValueError, match="head_width"):
        turns(torch.zeros(2, axes), width, torch.float32)
