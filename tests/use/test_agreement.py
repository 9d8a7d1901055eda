"""Figures of agreement against brute force, and intervals that cover what they should."""

import math

import numpy as np
import pytest
import torch

from wam.use.agreement import advantage, bias, calibrated_error, calibration_slope, over_starts, pearson, rank_violation

CHANCE = torch.Generator().manual_seed(0)


def rates(policies: int = 5, resamples: int = 20) -> torch.Tensor:
    return torch.randint(0, 6, (resamples, policies), generator=CHANCE).double() / 5  # few values, so that ties happen


def test_pearson_is_the_correlation():
    real, imagined = rates(), rates()
    for one, two, found in zip(real, imagined, pearson(real, imagined).tolist(), strict=True):
        assert found == pytest.approx(float(torch.corrcoef(torch.stack([one, two]))[0, 1]), abs=1e-12)
    assert pearson(real, 0.3 + 0.5 * real).min() > 1 - 1e-12
    assert pearson(real, torch.full_like(real, 0.4)).isnan().all()


def test_rank_violation_by_brute_force():
    real, imagined = rates(), rates()
    for one, two, found in zip(real.tolist(), imagined.tolist(), rank_violation(real, imagined).tolist(), strict=True):
        worst = []
        for i in range(len(one)):
            worst.append(max(abs(one[i] - one[j]) * ((one[i] < one[j]) != (two[i] < two[j])) for j in range(len(one))))
        assert found == pytest.approx(sum(worst) / len(worst))
    assert not rank_violation(real, real).any()


def test_rank_violation_of_two_exchanged_policies():
    real, imagined = torch.tensor([[0.2, 0.5, 0.9]]), torch.tensor([[0.5, 0.2, 0.9]])
    assert float(rank_violation(real, imagined)) == pytest.approx((0.3 + 0.3 + 0.0) / 3)


def test_calibration_by_fitting_each_line():
    real, imagined = rates(), rates()
    for one, two, slope, error in zip(real, imagined, calibration_slope(real, imagined).tolist(), calibrated_error(real, imagined).tolist(), strict=True):
        assert slope == pytest.approx(np.polyfit(two, one, 1)[0]) if two.unique().numel() > 1 else math.isnan(slope)
        others = [torch.arange(len(one)) != left_out for left_out in range(len(one))]
        if any(two[rest].unique().numel() < 2 for rest in others):
            assert math.isnan(error)
            continue
        said = [np.polyval(np.polyfit(two[rest], one[rest], 1), float(two[~rest])) for rest in others]
        assert error == pytest.approx(np.abs(np.array(said) - one.numpy()).mean())
    assert (
        torch.allclose(calibration_slope(0.1 + 0.5 * real, real), torch.tensor(0.5).double())
        and calibrated_error(0.1 + 0.5 * real, real).nan_to_num().max() < 1e-9
    )


def test_the_interval_of_bias_covers_the_truth():
    """Starts of unequal difficulty, on which the model is 10 points too kind."""
    true, covered = torch.linspace(0.1, 0.8, 8)[:, None], 0
    for trial in range(100):
        chance = torch.Generator().manual_seed(trial)
        hard = torch.rand(8, 80, generator=chance)
        real, imagined = hard < true, torch.rand(8, 80, generator=chance) < true + 0.1
        found = over_starts(bias, real, imagined, resamples=300)
        assert found.low <= found.value <= found.high
        covered += found.low <= 0.1 <= found.high
    assert 88 <= covered <= 100


def test_a_perfect_model_and_one_that_knows_nothing():
    real = torch.rand(6, 50, generator=CHANCE) < torch.linspace(0.1, 0.9, 6)[:, None]
    same = over_starts(pearson, real, real)
    assert same.value == pytest.approx(1) and same.low == pytest.approx(1)
    assert over_starts(bias, real, real).high == 0
    assert math.isnan(over_starts(pearson, real, torch.zeros_like(real)).value)
    blind = torch.rand(6, 50, generator=CHANCE) < 0.5
    gain = advantage(pearson, real, real, blind)
    assert gain.low > 0 and gain.value == pytest.approx(1 - over_starts(pearson, real, blind).value)
    assert advantage(pearson, real, blind, blind).high == 0


def test_equal_rates_of_resamples_are_ties():
    """Against rates that were counted: a rate that differs in its last digit alone would put two policies in the wrong order."""
    real = torch.rand(8, 40, generator=CHANCE) < torch.linspace(0.3, 0.7, 8)[:, None]
    shown = torch.randint(40, (500, 40), generator=torch.Generator().manual_seed(0))
    exact = [[float(row[some].sum()) / 40 for row in real] for some in shown]
    drawn = rank_violation(torch.tensor(exact), torch.tensor(exact).flip(1))
    low, high = torch.quantile(drawn.double(), torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    found = over_starts(rank_violation, real, real.flip(0), resamples=500)
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_tables_must_belong_together():
    with pytest.raises(ValueError, match="same starts"):
        over_starts(bias, torch.ones(2, 3).bool(), torch.ones(2, 4).bool())
