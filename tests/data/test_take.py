"""What a robot records step by step is what it would have recorded at once."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.data.toy import assert_same, toy_episode, toy_spec
from wam.data import DataError, Recorder, Take, open_dataset
from wam.world import Slot


def test_step_by_step_is_at_once(tmp_path: Path) -> None:
    spec = toy_spec(per_step=3)
    whole = toy_episode(spec, 6, seed=1)
    take = Take(spec)
    buffer = whole.observation.narrow("T", 0, 1).clone()
    for step in range(6):
        buffer.rgb["top"].copy_(whole.observation.rgb["top"][:, step : step + 1])
        buffer.proprio.copy_(whole.observation.proprio[:, step : step + 1])
        take.add(buffer, whole.actions.narrow("T", step, step + 1) if step else None)
    with Recorder(tmp_path / "set", spec) as recorder:
        recorder.write(take.episode("push", success=False))
    read = open_dataset(tmp_path / "set").read(0)
    kept = take.episode("push", success=False)
    assert_same(read, kept)
    assert_same(kept.map(lambda axes, leaf: leaf), take.episode("push", success=False))
    assert (kept.observation.proprio == whole.observation.proprio).all() and (kept.actions.valid == whole.actions.valid).all()


def test_mistakes_explain_themselves() -> None:
    spec, whole = toy_spec(), toy_episode(toy_spec(), 3)
    take = Take(spec)
    with pytest.raises(DataError, match="no frame was added"):
        take.episode()
    first, second = whole.narrow("T", 0, 1), whole.narrow("T", 1, 2)
    with pytest.raises(DataError, match="frame 0 came with actions"):
        take.add(first.observation, second.actions)
    for change, words in (
        ({"rgb": {"top": first.observation.rgb["top"].float()}}, r"camera 'top' spans .* floats from 0 to 1"),
        ({"rgb": {**first.observation.rgb, "wrist": first.observation.rgb["top"]}}, r"camera 'wrist' is not in the spec, which has \['top'\]"),
        ({"rgb": {"top": first.observation.rgb["top"].numpy()}}, r"observation.rgb\['top'\] is a numpy.ndarray, expected a torch tensor: use torch.from_numpy"),
        ({"proprio": first.observation.proprio * float("nan")}, r"proprioception \['x', 'y'\] holds values that are not numbers"),
    ):
        with pytest.raises(DataError, match=words):
            take.add(replace(first.observation, **change))
    joint = Slot(name="joint", unit="rad", low=-3.0, high=3.0)
    arm = Take(replace(spec, observes=replace(spec.observes, proprio=(joint, replace(joint, name="wrist")))))
    with pytest.raises(DataError, match=r"proprioception has 90 for 'wrist', expected -3 to 3 rad. Another unit, such as degrees for radians"):
        arm.add(replace(first.observation, proprio=torch.tensor([[[3.1, 90.0]]])))
    arm.add(replace(first.observation, proprio=torch.tensor([[[3.1, -3.0]]])))
    take.add(replace(first.observation, rgb={"top": first.observation.rgb["top"].float() / 255}))
    assert len(take.steps) == 1
    with pytest.raises(DataError, match="frame 1 came with no actions"):
        take.add(second.observation)
    with pytest.raises(DataError, match="2 frames"):
        take.add(whole.observation.narrow("T", 1, 3), second.actions)
    with pytest.raises(DataError, match=r"frame 1: .*proprio"):
        take.add(toy_episode(toy_spec(), 1).observation.map(lambda axes, leaf: leaf[..., :1] if axes[-1] == "P" else leaf), second.actions)
