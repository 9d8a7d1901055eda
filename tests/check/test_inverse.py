"""Each broken inverse dynamics is caught by the right check and by no other; the correct one passes."""

from dataclasses import replace

import pytest
import torch

from wam.check import check_inverse
from wam.world import Actions, ActionSpec, Infers, Observation, ObservationSpec, Slot

SEES = ObservationSpec(proprio=(Slot(name="place", unit="m"),))
ACTS = ActionSpec(low_level=(Slot(name="move", unit="m", low=-1.0, high=1.0),))


class Differences(Infers):
    """An action is how far the place moved."""

    def infer_actions(self, observation, *, noise=None):
        place = observation.proprio
        moved = torch.cat([torch.zeros_like(place[:, :1]), place.diff(dim=1)], 1)
        valid = (torch.arange(place.size(1)) > 0).expand(len(place), -1)[..., None]
        return Actions(valid=valid, low_level=moved[:, :, None])


class Undeclared:
    infer_actions = Differences.infer_actions


class OneTooFew(Differences):
    def infer_actions(self, observation, *, noise=None):
        return super().infer_actions(observation).narrow("T", 1)


class TurnedRound(Differences):
    def infer_actions(self, observation, *, noise=None):
        found = super().infer_actions(observation)
        return replace(found, valid=torch.zeros_like(found.valid))


class Chancy(Differences):
    def infer_actions(self, observation, *, noise=None):
        found = super().infer_actions(observation)
        return replace(found, low_level=found.low_level + torch.randn_like(found.low_level))


class Blind(Differences):
    def infer_actions(self, observation, *, noise=None):
        found = super().infer_actions(observation)
        return replace(found, low_level=torch.zeros_like(found.low_level))


class Mixing(Differences):
    def infer_actions(self, observation, *, noise=None):
        return super().infer_actions(Observation(proprio=observation.proprio - observation.proprio.mean(0, keepdim=True).square()))


class NeedsPairs(Differences):
    def infer_actions(self, observation, *, noise=None):
        if observation.proprio.size(1) < 2:
            raise IndexError("two frames are needed")
        return super().infer_actions(observation)


class NeedsNoise(Differences):
    def infer_actions(self, observation, *, noise=None):
        if noise is None:
            raise ValueError("pass noise")
        return super().infer_actions(observation)


BROKEN = {
    Undeclared: ("it_declares_infers",),
    OneTooFew: ("actions_fit_the_spec",),
    TurnedRound: ("the_others_are_valid",),
    Chancy: ("same_noise_same_actions", "same_without_noise", "rows_do_not_mix"),
    Blind: ("frames_matter",),
    Mixing: ("rows_do_not_mix",),
    NeedsPairs: ("a_single_frame_is_no_error",),
}


def test_the_correct_one_passes_and_may_need_noise():
    check_inverse(Differences(), SEES, ACTS).require()
    report = check_inverse(NeedsNoise(), SEES, ACTS)
    assert report.ok and report.find("same_without_noise").status == "skipped"


@pytest.mark.parametrize(("kind", "checks"), BROKEN.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_broken_ones_are_caught(kind, checks):
    report = check_inverse(kind(), SEES, ACTS)
    assert set(report.failed) == set(checks), str(report)
