"""Statistics refuse to describe columns with another meaning."""

import dataclasses
from typing import Any

import pytest

from wam.world import ActionSpec, Moments, Slot, SpecError, Statistics

ACTS = ActionSpec(low_level=(Slot(name="x", unit="m", relative=True), Slot(name="gripper")), per_step=3)
PROPRIO = (Slot(name="height", unit="m"),)
MOMENTS = Moments(count=9, mean=(0.0, 0.5), std=(1.0, 0.1), low=(-3.0, 0.0), high=(3.0, 1.0), q01=(-2.0, 0.1), q99=(2.0, 0.9))
STATISTICS = Statistics(acts=ACTS, proprio_slots=PROPRIO, action=MOMENTS)


def test_they_fit_what_they_were_made_for() -> None:
    assert STATISTICS.require(ACTS, PROPRIO) is STATISTICS
    assert Statistics.from_json(STATISTICS.to_json()) == STATISTICS


def test_limits_and_wording_may_change() -> None:
    told = tuple(dataclasses.replace(slot, meaning="said better", low=-1.0, high=1.0) for slot in ACTS.low_level)
    STATISTICS.require(dataclasses.replace(ACTS, low_level=told), PROPRIO)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"name": "y"}, r"they are of 2 \(x, gripper\), the model has 2 \(y, gripper\)\. Name another data set, or give the model these slots"),
        ({"unit": "mm"}, "'x' has unit '.*' instead of 'mm'.* compute them again"),
        ({"frame": "gripper"}, "'x' has frame '.*' instead of 'gripper'.* compute them again"),
        ({"relative": False}, "'x' has relative True instead of False.* compute them again"),
    ],
    ids=str,
)
def test_another_representation_is_an_error(change: dict[str, Any], told: str) -> None:
    slots = (dataclasses.replace(ACTS.low_level[0], **change), ACTS.low_level[1])
    with pytest.raises(SpecError, match=f"the statistics do not describe the action columns that are used: {told}"):
        STATISTICS.require(dataclasses.replace(ACTS, low_level=slots), PROPRIO)


def test_the_number_and_order_of_columns_count() -> None:
    for slots in (ACTS.low_level[:1], (*ACTS.low_level, Slot(name="z")), ACTS.low_level[::-1], ()):
        with pytest.raises(SpecError, match="action columns"):
            STATISTICS.require(dataclasses.replace(ACTS, low_level=slots), PROPRIO)


def test_proprioception_and_rate_count() -> None:
    with pytest.raises(SpecError, match="proprio columns"):
        STATISTICS.require(ACTS, (Slot(name="height", unit="cm"),))
    with pytest.raises(SpecError, match="proprio columns"):
        STATISTICS.require(ACTS)
    with pytest.raises(SpecError, match="computed for 3 actions per step, 1 are used"):
        STATISTICS.require(dataclasses.replace(ACTS, per_step=1), PROPRIO)


def test_proprioception_is_dropped_for_a_model_that_does_not_read_it() -> None:
    full = dataclasses.replace(STATISTICS, proprio=dataclasses.replace(MOMENTS, mean=(0.1,)))
    assert full.for_proprio(PROPRIO) is full
    without = full.for_proprio(())
    assert (without.proprio_slots, without.proprio, without.action) == ((), None, MOMENTS)
    assert without.require(ACTS) is without


def test_limits_lie_where_the_data_does_inside_the_slots_own() -> None:
    known = ActionSpec(low_level=(dataclasses.replace(ACTS.low_level[0], low=-1.5, high=9.0), ACTS.low_level[1]), per_step=3)
    x, gripper = STATISTICS.within(known).low_level
    assert (x.low, x.high) == (-1.5, 2.0) and (gripper.low, gripper.high) == pytest.approx((0.3, 0.7))
    assert STATISTICS.within(known).per_step == 3 and dataclasses.replace(STATISTICS, action=None).within(known) is known


@pytest.mark.parametrize("constant", [0.05, 0.0500000007, -0.05, 0.06])
def test_an_action_that_never_leaves_its_limit_has_that_limit(constant: float) -> None:
    slot = dataclasses.replace(ACTS.low_level[0], low=-0.05, high=0.05)
    acts = ActionSpec(low_level=(slot,))
    always = {name: (constant,) for name in ("mean", "low", "high", "q01", "q99")}
    (near,) = Statistics(acts=acts, action=Moments(count=9, std=(0.0,), **always)).within(acts).low_level
    assert near.low == near.high == max(-0.05, min(0.05, constant))
