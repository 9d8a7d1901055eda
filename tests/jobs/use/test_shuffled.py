"""The control: everything but the pairing of pictures and actions stays, and the run says that it was changed."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from wam import train
from wam.data import WindowDataset, cached_frames, open_dataset
from wam.jobs.at_hand import data_of
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


def test_it_is_trained_as_the_run_was_and_used_again(model, susie, tmp_path):
    run = load(model)
    assert [stage.learner.steps for stage in as_trained(run).stages] == [2]
    made = control_of(run, tmp_path / "control", show=False)
    assert made.preset_name == "tiny, changed" and made.trained_on == run.trained_on and made.seed == run.seed
    one, other = (train.load(folder).weights for folder in (model, made.folder))
    assert one.keys() == other.keys() and any(not torch.equal(one[name], other[name]) for name in one)
    assert control_of(run, made.folder, show=False).preset_name == "tiny, changed"  # not trained anew
    with pytest.raises(ValueError, match="is the model itself"):
        control_of(run, model, show=False)
    copied = shutil.copytree(model, tmp_path / "copied")
    with pytest.raises(CheckpointError, match="changed was False, is True"):
        control_of(run, copied, show=False)
    away = replace(run, trained_on=replace(run.trained_on, data=str(tmp_path / "away")))
    assert control_of(away, made.folder, show=False).preset_name == "tiny, changed"
    with pytest.raises(CheckpointError, match=r"is no control of .*: preset tiny, changed was expected, it has tiny\."):
        control_of(away, copied, show=False)
    with pytest.raises(CheckpointError, match=r"recipe cosmos_predict was expected, it has susie; .* steps \[2\] was expected, it has \[2, 2\]"):
        control_of(away, susie, show=False)
    with pytest.raises(ValueError, match="away is not here"):
        control_of(away, tmp_path / "none", show=False)
    unfinished(made.folder)
    with pytest.raises(CheckpointError, match=r"was stopped after step 2 of stage .* is finished"):
        control_of(away, made.folder, show=False)


def unfinished(folder: Path) -> None:
    """As if the run had been stopped before its end."""
    (head,) = folder.glob("checkpoints/*/checkpoint.json")
    told = json.loads(head.read_text())
    head.write_text(json.dumps({**told, "place": {**told["place"], "ended": False}}))


def test_what_a_run_learned_from_is_known_by_its_fingerprint(model, demonstrations):
    run = load(model)
    assert data_of(run) == run.trained_on.data == str(demonstrations)
    other = replace(run, trained_on=replace(run.trained_on, fingerprint="0" * 12))
    assert data_of(other) is None and data_of(replace(run, trained_on=replace(run.trained_on, frames=7))) is None
    assert data_of(replace(run, labels=0.5)) == str(demonstrations)  # shown or not, they are these
    assert data_of(replace(run, trained_on=replace(run.trained_on, episodes=(0, 99)))) is None
