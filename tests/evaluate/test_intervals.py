"""Intervals against closed forms, published values and simulated coverage."""

import math

import pytest
import torch

from wam.evaluate.intervals import (
    Spread,
    bootstrap_mean,
    bootstrap_means,
    bootstrap_ratio,
    difference_over_trainings,
    over_trainings,
    paired_difference,
    rate_over_trainings,
    student,
    wilson,
)


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


def test_starts_that_all_trainings_share_count_once() -> None:
    """Three equal trainings know no more than one."""
    one = (torch.rand(1, 60, generator=torch.Generator().manual_seed(0)) < 0.4).double()
    alone, thrice = over_trainings(one), over_trainings(one.repeat(3, 1))
    assert (thrice.low, thrice.high) == (pytest.approx(alone.low), pytest.approx(alone.high))
    error = float(one.std()) / math.sqrt(60)
    assert alone.high - alone.value == pytest.approx(2.001 * error, rel=1e-3)  # Student, 59 degrees of freedom


@pytest.mark.parametrize(("freedom", "quantile"), [(1, 12.706), (1.5, 6.0), (2, 4.303), (3, 3.182), (10, 2.228), (120, 1.980), (1e6, 1.960)])
def test_student_is_the_published_table(freedom, quantile):
    assert student(freedom) == pytest.approx(quantile, rel=1e-3 if freedom != 1.5 else 0.05)


@pytest.mark.parametrize(("trainings", "between", "along"), [(2, 1.0, 0.0), (3, 1.0, 0.0), (3, 0.3, 1.0), (3, 0.0, 1.0), (5, 0.5, 0.5)])
def test_means_over_trainings_and_starts_are_covered(trainings, between, along):
    """Where trainings differ most, where starts do, and where both. A bootstrap of three trainings covers three times in four."""
    generator, hits, draws = torch.Generator().manual_seed(0), 0, 400
    for _ in range(draws):
        of_training, of_start, rest = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((trainings, 1), (1, 40), (trainings, 40)))
        found = over_trainings(between * of_training + along * of_start + rest)
        hits += found.low <= 0 <= found.high
    assert hits / draws >= 0.9  # Satterthwaite is near, not exact, with two


def test_rates_are_never_surer_than_independent_starts_would_make_them():
    solved = torch.ones(3, 50, dtype=torch.bool)
    assert rate_over_trainings(solved) == wilson(150, 150) and rate_over_trainings(solved[:1]) == wilson(50, 50)
    assert difference_over_trainings(solved, solved) == paired_difference(solved.flatten(), solved.flatten())
    apart = torch.arange(50).expand(2, 50) < torch.tensor([[40], [10]])
    assert (wide := rate_over_trainings(apart)).low == 0 and wide.high == 1 and wide.value == 0.5, "80 and 20 per cent say nothing of a third"


def test_how_much_trainings_differ_is_learned_from_all_that_there_are():
    """Eight systems trained twice, one trained once: its interval covers the rate of its recipe, where one over starts alone hardly does."""
    generator, share, hits, alone = torch.Generator().manual_seed(0), 0.05, 0, 0

    def trained(rate, trainings):
        of_training = (rate + math.sqrt(share * rate * (1 - rate)) * torch.randn(trainings, 1, generator=generator)).clamp(0, 1)
        return torch.rand(trainings, 100, generator=generator) < of_training

    for _ in range(300):
        spread = Spread.of([trained(rate, 2) for rate in torch.linspace(0.2, 0.8, 8).tolist()])
        solved = trained(0.6, 1)
        found, narrow = spread.rate(solved), wilson(int(solved.sum()), 100)
        hits += found.low <= 0.6 <= found.high
        alone += narrow.low <= 0.6 <= narrow.high
    assert 0.92 <= hits / 300 <= 1 and alone / 300 < 0.75


def test_without_several_trainings_intervals_are_over_starts_alone():
    solved, other = torch.arange(100).expand(1, 100) < 63, torch.arange(100).expand(1, 100) < 40
    assert Spread.of([solved, other.expand(1, 100)]) == Spread() == Spread.of([torch.ones(3, 100, dtype=torch.bool)])
    found, closed = Spread().rate(solved), wilson(63, 100)
    assert (found.low, found.high) == (pytest.approx(closed.low, abs=2e-3), pytest.approx(closed.high, abs=2e-3))  # Student with 99 degrees of freedom
    apart, newcombe = Spread().difference(solved, other), paired_difference(solved[0], other[0])
    assert (apart.low, apart.high) == (pytest.approx(newcombe.low, abs=2e-3), pytest.approx(newcombe.high, abs=2e-3))
    known = Spread(share=0.05, freedom=8)
    assert known.rate(solved).low < found.low - 0.05 and known.difference(solved, other).low < 0 < apart.low
    assert known.rate(solved.expand(4, 100)).low > known.rate(solved).low
