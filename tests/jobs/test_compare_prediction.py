"""An idea on and off, by what is predicted: the figure is what its formula says, and both arms are judged on the same windows."""

import math
from dataclasses import replace

import pytest
import torch

from wam.jobs.compare import mechanism_of
from wam.jobs.compare_prediction import Moving, PredictionComparison, by_group, compare_prediction, decibels, decibels_by_seed, prediction_summary, shared
from wam.jobs.record import record_world
from wam.world import SpecError

PLAY = {"task": "play", "size": 32, "budget": 12}


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    return tuple(
        record_world("push", folder / name, episodes=6, policies={"play": 1.0}, options=PLAY, seed=seed) for name, seed in (("data", 0), ("fresh", 500))
    )


def test_half_the_error_everywhere_is_three_decibels_for_certain():
    off = torch.rand(3, 20, dtype=torch.float64) + 0.5
    found = decibels_by_seed(off / 2, off)
    assert found.value == pytest.approx(10 * math.log10(2)) and found.low == pytest.approx(found.value) and found.high == pytest.approx(found.value)


def test_the_interval_covers_trainings_and_episodes():
    """One training better, one worse: two say next to nothing. One of many episodes decides alone: whether it is drawn decides."""
    off = torch.ones(2, 40, dtype=torch.float64)
    trainings = decibels_by_seed(torch.tensor([[0.5], [2.0]], dtype=torch.float64).expand(2, 40), off)
    reach = 10 * math.log10(2) * 12.706  # standard error of two, and Student's t with one degree of freedom
    assert trainings.low == pytest.approx(trainings.value - reach, rel=1e-3) and trainings.high == pytest.approx(trainings.value + reach, rel=1e-3)
    one = torch.ones(1, 40, dtype=torch.float64)
    one[:, 0] = 40.0
    assert (episodes := decibels_by_seed(one, off[:1])).low < -3 < episodes.value < episodes.high == 0.0
    both = decibels_by_seed(one.expand(2, 40), off)
    assert both.low < -3 < both.high, "equal trainings leave the episodes"


def test_draws_in_which_nothing_moves_say_nothing():
    """Errors of episodes without moving pixels are 0 in both arms."""
    still = torch.zeros(1, 6, dtype=torch.float64)
    on, off = still.clone(), still.clone()
    on[0, 0], off[0, 0] = 1.0, 2.0
    found = decibels_by_seed(on, off)
    assert found.value == found.low == found.high == pytest.approx(10 * math.log10(2))


def test_decibels_are_those_of_psnr():
    assert decibels(0.01) == pytest.approx(20) and decibels(1.0) == 0


def test_both_arms_on_the_same_windows(sets, tmp_path):
    data, fresh = sets
    found = compare_prediction("cosmos_predict", data, fresh, tmp_path, tmp_path / "result.json", horizon=3, count=8, seeds=2, labels=0.5, steps=2)
    assert found.mechanism == "0 to 2 clean frames in one model" and (found.windows, found.horizon, len(found.on), len(found.off)) == (8, 3, 2, 2)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["off-0", "off-1", "run-0", "run-1"]
    assert found.difference.low <= found.difference.value <= found.difference.high and found.verdicts.mechanism is None  # of two trainings
    assert "Actions of 50% of the episodes were shown" in found.origin.protocol
    assert PredictionComparison.from_json((tmp_path / "result.json").read_text()) == found
    assert prediction_summary(found).rows[-1][0] == "on minus off"


def test_trainings_are_added_to_figures_whose_runs_are_gone(sets, tmp_path):
    """As if all had been trained at once."""
    data, fresh = sets
    asked = {"horizon": 3, "count": 8, "steps": 2}
    whole = compare_prediction("cosmos_predict", data, fresh, tmp_path / "whole", tmp_path / "whole.json", seeds=2, **asked)
    first = compare_prediction("cosmos_predict", data, fresh, tmp_path / "first", tmp_path / "first.json", seeds=1, **asked)
    both = compare_prediction("cosmos_predict", data, fresh, tmp_path / "second", tmp_path / "both.json", seeds=1, earlier=first, **asked)
    assert sorted(path.name for path in (tmp_path / "second").iterdir()) == ["off-1", "run-1"]
    assert both.seeds == (0, 1) and both.older == () and replace(both, origin=whole.origin) == whole
    for other, said in (({"labels": 0.5}, "another protocol"), ({"steps": 3}, "another protocol"), ({"preset": "rollout"}, "another system")):
        with pytest.raises(SpecError, match=said):
            compare_prediction("cosmos_predict", data, fresh, tmp_path / said, tmp_path / "no.json", seeds=1, earlier=first, **asked | other)
        assert not (tmp_path / said).exists()  # told before anything is trained
    with pytest.raises(SpecError, match="another protocol"):
        compare_prediction("cosmos_predict", data, fresh, tmp_path / "second", tmp_path / "no.json", seeds=1, earlier=first, **asked | {"count": 7})
    moved = replace(first, pixels=tuple(2 * pixels for pixels in first.pixels))
    with pytest.raises(SpecError, match="other pixels move"):
        compare_prediction("cosmos_predict", data, fresh, tmp_path / "second", tmp_path / "no.json", seeds=1, earlier=moved, **asked)
    with pytest.raises(SpecError, match="do not say what each erred by"):
        compare_prediction("cosmos_predict", data, fresh, tmp_path / "no", tmp_path / "no.json", seeds=1, earlier=replace(first, seeds=()), **asked)


def test_arms_judged_on_different_windows_are_not_compared():
    one = Moving(model=torch.ones(3), copy=torch.ones(3), pixels=torch.ones(3), windows=6, horizon=4)
    assert shared([one, replace(one, model=torch.zeros(3))]) is one
    for other in (replace(one, horizon=8), replace(one, windows=5), replace(one, pixels=torch.zeros(3))):
        with pytest.raises(SpecError, match="cannot be judged on the same windows"):
            shared([one, other])


def test_episodes_are_summed_by_their_numbers():
    assert by_group(torch.tensor([1.0, 2.0, 4.0, 8.0]), torch.tensor([7, 3, 7, 9])).tolist() == [2, 5, 8]


def test_an_idea_that_needs_no_training_is_not_compared_by_training():
    with pytest.raises(SpecError, match="is switched off without training again"):
        mechanism_of("diffusion_policy")
