from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.data.toy import toy_episode, toy_spec
from wam.data import DataError, WindowDataset, compute_statistics, frames_of, require_statistics
from wam.data.cache import choose
from wam.data.statistics import picture_summary, pool, summary
from wam.world import SpecError, Statistics

RNG = np.random.default_rng(0)


def test_only_executed_actions_of_chosen_episodes_count() -> None:
    spec = toy_spec(per_step=2)
    made = [toy_episode(spec, length, seed) for seed, length in enumerate((5, 8, 6))]
    made[2].actions.low_level[:] = 0.9  # type: ignore[index]
    statistics = compute_statistics(choose(frames_of(made, spec), [0, 1]))
    rows = torch.cat([one.actions.low_level[0, 1:].flatten(0, 1) for one in made[:2]]).double().numpy()  # type: ignore[index]
    assert statistics.action is not None and statistics.proprio is not None
    assert statistics.action.count == len(rows) == 22
    for name, want in (("mean", rows.mean(0)), ("std", rows.std(0)), ("low", rows.min(0)), ("high", rows.max(0)), ("q99", np.quantile(rows, 0.99, 0))):
        assert np.allclose(getattr(statistics.action, name), want, atol=1e-7)
    assert Statistics.from_json(statistics.to_json()) == statistics


@pytest.mark.parametrize("name", ["action", "proprioception"])
def test_what_is_no_number_is_refused(name: str) -> None:
    frames = frames_of([toy_episode(toy_spec(), 5)], toy_spec())
    frames.fields["actions.low_level" if name == "action" else "observation.proprio"][2] = np.nan
    with pytest.raises(DataError, match=f"{name} holds 2 values that are NaN or infinite.*`wam data check SET`"):
        compute_statistics(frames)


def test_another_representation_is_an_error() -> None:
    spec = toy_spec()
    statistics = compute_statistics(frames_of([toy_episode(spec, 5)], spec))
    assert statistics.require(spec.acts, spec.observes.proprio) is statistics
    absolute = replace(spec.acts, low_level=tuple(replace(slot, relative=False) for slot in spec.acts.low_level))
    with pytest.raises(SpecError, match="compute them again"):
        statistics.require(absolute, spec.observes.proprio)
    with pytest.raises(SpecError, match="actions per step"):
        statistics.require(replace(spec.acts, per_step=3), spec.observes.proprio)


def test_absent_statistics_are_an_error() -> None:
    with pytest.raises(SpecError, match=r"lewm: there are no statistics.*compute_statistics"):
        require_statistics(None, "lewm")


def test_windows_with_skipped_frames_have_statistics_of_their_own_rate() -> None:
    spec = toy_spec()
    windows = WindowDataset(frames_of([toy_episode(spec, 9)], spec), skip=3)
    assert compute_statistics(windows.frames, windows.spec).require(windows.spec.acts, spec.observes.proprio).acts.per_step == 3


def test_pooled_episodes_equal_the_whole() -> None:
    parts = [RNG.normal(size=(n, 3)) * n for n in (4, 50, 7)]
    pooled, whole = pool([summary(part) for part in parts]), summary(np.concatenate(parts))
    for name in ("min", "max", "mean", "std", "count"):
        assert np.allclose(pooled[name], whole[name])


def test_pictures_per_channel() -> None:
    frames = RNG.integers(0, 255, (40, 3, 6, 6), dtype=np.uint8)
    table = picture_summary(frames, most=40)
    assert table["mean"].shape == (3, 1, 1) and table["count"].tolist() == [40]
    assert np.allclose(table["mean"][:, 0, 0], frames.mean((0, 2, 3)) / 255)
    assert picture_summary(frames)["count"].tolist() == [16]
