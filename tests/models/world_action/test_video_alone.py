"""Which videos inside of policies are world models by themselves."""

import pytest

from wam.models.observation_space.assembly import VideoConfig, video_model
from wam.models.world_action.video_alone import video_alone
from wam.world import ActionSpec, Camera, Moments, ObservationSpec, PolicySpec, Slot, SpecError, Statistics

SEES = ObservationSpec(cameras={"top": Camera(height=16, width=16)})
ACTS = ActionSpec(low_level=(Slot(name="dx", unit="m", low=-1, high=1),))
POLICY = PolicySpec(observes=SEES, acts=ACTS, rate=10.0)


def video(times: int, **choices):
    acts = ActionSpec(low_level=ACTS.low_level, per_step=times)
    known = Statistics(acts=acts, action=Moments(count=9, mean=(0.0,), std=(1.0,), low=(-1.0,), high=(1.0,), q01=(-1.0,), q99=(1.0,)))
    return video_model(VideoConfig(width=8, levels=2, condition=16, **choices), SEES, acts, known, 10 / times, ())


def test_it_is_the_very_model_at_its_own_clock():
    for times, context in ((1, 2), (12, 1)):
        made = video(times, acts="none", context=context)
        assert video_alone(made, POLICY) is made and made.spec.rate == 10 / times


def test_what_is_no_world_model_is_refused():
    with pytest.raises(SpecError, match="is told actions"):
        video_alone(video(1, acts="frame"), POLICY)
    with pytest.raises(SpecError, match=r"looks back at 2 frames of the policy's clock \(10 Hz\) and ahead at its own \(0.833 Hz\); .* with context 1"):
        video_alone(video(12, acts="none", context=2), POLICY)
