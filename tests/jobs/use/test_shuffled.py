"""The control: everything but the pairing of pictures and actions stays, and the run says that it was changed."""

import pytest
import torch

from wam import train
from wam.data import WindowDataset, cached_frames, open_dataset
from wam.jobs.use.shuffled import ShuffledActions, as_trained, control_of
from wam.recipes.runs import load
from wam.train.checkpoint import CheckpointError


def test_each_window_has_the_actions_of_the_next(demonstrations):
    windows = WindowDataset(cached_frames(open_dataset(demonstrations)), past=2, horizon=2)
    numbers = torch.tensor([3, 40, 90])
    own, shuffled = windows.batch(numbers), ShuffledActions(windows).batch(numbers)
    assert torch.equal(shuffled.actions.low_level, own.actions.low_level[[1, 2, 0]])
    assert torch.equal(shuffled.past.actions.low_level, own.past.actions.low_level[[1, 2, 0]])
    assert torch.equal(shuffled.actions.valid, own.actions.valid) and torch.equal(shuffled.past.actions.valid, own.past.actions.valid)
    assert torch.equal(shuffled.future.observation.rgb["top"], own.future.observation.rgb["top"])
    assert len(ShuffledActions(windows)) == len(windows)


def test_it_is_trained_as_the_run_was_and_used_again(model, tmp_path):
    run = load(model)
    assert [stage.learner.steps for stage in as_trained(run).stages] == [2]
    made = control_of(run, tmp_path / "control", show=False)
    assert made.preset_name == "tiny, changed" and made.trained_on == run.trained_on and made.seed == run.seed
    one, other = (train.load(folder).weights for folder in (model, made.folder))
    assert one.keys() == other.keys() and any(not torch.equal(one[name], other[name]) for name in one)
    assert control_of(run, made.folder, show=False).preset_name == "tiny, changed"  # not trained anew
    with pytest.raises(CheckpointError, match="changed was False, is True"):
        control_of(run, model, show=False)
