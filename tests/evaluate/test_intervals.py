"""Intervals against closed forms, published values and simulated coverage."""

import math

import pytest
import torch

from wam.evaluate.intervals import bootstrap_mean, bootstrap_means, bootstrap_ratio, paired_by_seed, paired_difference, wilson


@pytest.mark.parametrize("successes", [0, 1, 7, 50, 99, 100])
def test_wilson_ends_solve_the_score_equation(successes):
    """Each end is the rate p whose own normal interval just reaches the observed rate."""
    found, rate, z = wilson(successes, 100), successes / 100, 1.959963984540054
    assert found.value == rate and 0 <= found.low <= rate <= found.high <= 1
    for end in (found.low, found.high):
        if 0 < end < 1:
            assert abs(rate - end) == pytest.approx(z * math.sqrt(end * (1 - end) / 100), abs=1e-9)


def test_wilson_known_values():
    assert wilson(0, 10).low == 0 and wilson(10, 10).high == 1
    assert wilson(0, 10).high == pytest.approx(0.2775, abs=1e-4)  # z^2 / (n + z^2)
    assert wilson(81, 263).low == pytest.approx(0.2553, abs=1e-4) and wilson(81, 263).high == pytest.approx(0.3662, abs=1e-4)  # Newcombe 1998


def test_wilson_refuses_nothing():
    with pytest.raises(ValueError, match="at least one episode"):
        wilson(0, 0)


def test_paired_difference_covers():
    generator = torch.Generator().manual_seed(0)
    hits, draws = 0, 300
    for _ in range(draws):
        shared, one, two = torch.rand(3, 60, generator=generator)
        first, second = torch.where(shared < 0.5, one, shared) < 0.7, torch.where(shared < 0.5, two, shared) < 0.55
        found = paired_difference(first, second)
        hits += found.low <= _rate(0.7) - _rate(0.55) <= found.high
    assert 0.91 <= hits / draws <= 0.99


def _rate(threshold: float) -> float:
    """P(u < threshold) of half fresh draws, half draws above 0.5."""
    return 0.5 * threshold + max(threshold - 0.5, 0)


def test_paired_difference_keeps_a_width_and_a_sign():
    same = torch.ones(50, dtype=torch.bool)
    none = paired_difference(same, same)
    assert none.value == 0 and none.low < 0 < none.high
    all_apart = paired_difference(same, ~same)
    assert all_apart.value == 1 and all_apart.high == 1 and 0.8 < all_apart.low < 1
    generator = torch.Generator().manual_seed(1)
    one, two = torch.rand(2, 80, generator=generator) < torch.tensor([[0.6], [0.4]])
    forward, back = paired_difference(one, two), paired_difference(two, one)
    assert (forward.low, forward.high) == (pytest.approx(-back.high), pytest.approx(-back.low))


def test_bootstrap_matches_the_standard_error():
    values = torch.randn(400, generator=torch.Generator().manual_seed(0)) + 3
    found = bootstrap_mean(values)
    error = 1.96 * float(values.std()) / 20
    assert found.value == pytest.approx(float(values.mean())) and found == bootstrap_mean(values)
    assert found.high - found.value == pytest.approx(error, rel=0.15) and found.value - found.low == pytest.approx(error, rel=0.15)


def test_bootstrap_draws_whole_groups():
    """Ten copies of the same value in each group are one observation: the interval is as wide as of the group means."""
    means = torch.randn(40, generator=torch.Generator().manual_seed(2))
    copies, groups = means.repeat_interleave(10), torch.arange(40).repeat_interleave(10)
    alone, grouped, wrong = bootstrap_mean(means), bootstrap_mean(copies, groups=groups), bootstrap_mean(copies)
    assert (grouped.low, grouped.high) == (pytest.approx(alone.low), pytest.approx(alone.high))
    assert wrong.high - wrong.low < 0.5 * (alone.high - alone.low)


def test_bootstrap_ignores_what_has_no_weight():
    values, weights = torch.tensor([[1.0, 5.0], [3.0, float("nan")]]), torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    mean, low, high = bootstrap_means(values, weights)
    assert mean[0] == pytest.approx(2.5) and low[0] <= 2.5 <= high[0]
    assert mean[1].isnan() and low[1].isnan()


def test_bootstrap_ratio_is_paired():
    under = torch.rand(50, generator=torch.Generator().manual_seed(3)) + 0.1
    half = bootstrap_ratio(under / 2, under)
    assert (half.value, half.low, half.high) == (pytest.approx(0.5), pytest.approx(0.5), pytest.approx(0.5))
    with pytest.raises(ValueError, match="sum to zero"):
        bootstrap_ratio(under, torch.zeros(50))


def test_goals_that_all_seeds_share_are_drawn_once_for_all() -> None:
    """Three equal trainings know no more than one."""
    one = (torch.rand(1, 60, generator=torch.Generator().manual_seed(0)) < 0.4).double()
    alone, thrice = paired_by_seed(one), paired_by_seed(one.repeat(3, 1))
    assert thrice.low == pytest.approx(alone.low, abs=0.02) and thrice.high == pytest.approx(alone.high, abs=0.02)
