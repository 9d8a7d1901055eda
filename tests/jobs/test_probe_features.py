"""Probing frozen features: equal networks get equal figures, R2 is what it says, and a job writes a result that can be read back."""

import json

import pytest
import torch

from wam.jobs.probe_features import FeatureProbes, compared, probe_features
from wam.jobs.record import record_world


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("push")
    return [record_world("push", folder / name, episodes=count, seed=seed, policies={"play": 1.0}) for name, count, seed in (("one", 20, 0), ("two", 8, 500))]


def test_r2_and_its_difference():
    spread, episodes = torch.full((60, 2), 4.0), torch.arange(60) // 6
    found = compared(0, "all", torch.full((60, 2), 1.0), torch.full((60, 2), 2.0), spread, episodes)
    assert (found.trained.value, found.untrained.value, found.difference.value) == pytest.approx((0.75, 0.5, 0.25))
    assert found.trained.low <= 0.75 <= found.trained.high and found.difference.low == pytest.approx(0.25)


def test_a_result_with_every_seed_and_body(sets, tmp_path):
    result = tmp_path / "features.json"
    found = probe_features(*sets, tmp_path / "runs", result, seeds=1, steps=10)
    assert FeatureProbes.from_dict(json.loads(result.read_text())) == found
    assert [(probe.seed, probe.body) for probe in found.probes] == [(0, "all"), (0, "object 1"), (0, "pusher")]
    for probe in found.probes:
        assert probe.trained.low <= probe.trained.value <= probe.trained.high <= 1
        assert probe.difference.value == pytest.approx(probe.trained.value - probe.untrained.value)
    again = probe_features(*sets, tmp_path / "runs", result, seeds=1, steps=10)
    assert again.probes == found.probes


def test_the_training_set_is_not_held_out(sets, tmp_path):
    with pytest.raises(ValueError, match=r"trained on 20 of the 20 episodes of .* Pass others"):
        probe_features(sets[0], sets[0], tmp_path / "runs", tmp_path / "features.json", seeds=1)
