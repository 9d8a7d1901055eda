"""A checkpoint comes back as it was written, is complete or absent, and explains what does not fit."""

import dataclasses
import json
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from wam.evaluate import source_hash
from wam.train import CheckpointError, Place, Provenance, load, save
from wam.train import checkpoint as checkpoints
from wam.world import ActionSpec, PolicySpec, Slot, SpecError, Statistics

from .tiny import ACTS, PROPRIO, SEES, SPEC, STATISTICS, Mover, provenance, train


class Symbols(nn.Module):
    """Keeps what it learned as names, beside a tensor."""

    def __init__(self, learned: object):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, dtype=torch.bfloat16))
        self.learned = learned

    def get_extra_state(self) -> object:
        return self.learned

    def set_extra_state(self, state: object) -> None:
        self.learned = state


def test_everything_comes_back(tmp_path: Path) -> None:
    model = Mover(seed=1)
    average = {name: value + 1 for name, value in model.state_dict().items()}
    optimiser = {"head.weight/exp_avg": torch.randn(2, 16), "head.weight/step": torch.tensor(3.0)}
    place = Place(stage="world", index=1, step=3, ended=False, position=48, windows=50, seed=7, stages=({"name": "world"},))
    origin = Provenance(spec=SPEC, statistics=STATISTICS, recipe="lewm", preset="tiny", config={"width": 16, "size": [32, 32]})
    found = load(save(tmp_path / "kept", model, origin, place=place, average=average, optimiser=optimiser))
    assert found.provenance == origin and found.place == place
    for written, read in ((model.state_dict(), found.weights), (average, found.average), (optimiser, found.optimiser)):
        assert read is not None and written.keys() == read.keys()
        assert all(torch.equal(value, read[name]) and value.dtype == read[name].dtype for name, value in written.items())
    for averaged, expected in ((True, average), (False, model.state_dict())):
        fresh = Mover(seed=2)
        found.restore(fresh, averaged=averaged)
        assert all(torch.equal(value, expected[name]) for name, value in fresh.state_dict().items())


def test_no_file_is_a_pickle_and_only_what_was_given_is_there(tmp_path: Path) -> None:
    folder = save(tmp_path / "kept", Mover(), provenance())
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.json", "spec.json", "statistics.json", "weights.safetensors"]
    found = load(folder)
    assert found.average is None and found.optimiser is None and found.place == Place()


def test_a_policy_and_tied_weights_and_symbols_come_back(tmp_path: Path) -> None:
    model = Symbols({"operators": [["push", ["disc"]]], "count": 3})
    model.other = nn.Module()
    model.other.weight = model.weight
    with torch.no_grad():
        model.weight += 1.5
    origin = Provenance(spec=PolicySpec(observes=SEES, acts=ACTS), statistics=STATISTICS)
    found = load(save(tmp_path / "kept", model, origin))
    assert found.provenance == origin
    fresh = Symbols(None)
    fresh.other = nn.Module()
    fresh.other.weight = fresh.weight
    found.restore(fresh)
    assert fresh.learned == model.learned and fresh.other.weight.tolist() == [1.5, 1.5]


@pytest.mark.parametrize("learned", [{1: "a key that JSON turns into a string"}, ("a", "tuple"), nn.Identity()])
def test_state_that_json_changes_is_refused(tmp_path: Path, learned: object) -> None:
    with pytest.raises(CheckpointError, match="does not survive JSON"):
        save(tmp_path / "kept", Symbols(learned), provenance())
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    save(tmp_path / "kept", Mover(), provenance())
    with pytest.raises(CheckpointError, match="never overwritten"):
        save(tmp_path / "kept", Mover(), provenance())


def test_a_folder_under_its_name_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever file operation fails, the name is not there; the next attempt succeeds."""

    class PowerCut(Exception):
        pass

    def cut(*_: object, **__: object) -> None:
        raise PowerCut

    for target, name in ((checkpoints, "save_file"), (Path, "write_text"), (os, "fsync"), (Path, "rename")):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, cut)
            with pytest.raises(PowerCut):
                save(tmp_path / "kept", Mover(), provenance())
        assert not (tmp_path / "kept").exists()
    load(save(tmp_path / "kept", Mover(), provenance()))


def edited(folder: Path, **changes: object) -> None:
    head = json.loads((folder / "checkpoint.json").read_text())
    (folder / "checkpoint.json").write_text(json.dumps({**head, **changes}))


def without(folder: Path, name: str) -> None:
    head = json.loads((folder / "checkpoint.json").read_text())
    (folder / "checkpoint.json").write_text(json.dumps({key: value for key, value in head.items() if key != name}))


def damaged(path: Path) -> None:
    path.write_bytes(b"\xff" * path.stat().st_size)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: edited(folder, schema=7), "schema 7, this wam reads 1. Another version of wam"),
        (lambda folder: without(folder, "schema"), "schema None"),
        (lambda folder: without(folder, "place"), r"lacks \['place'\]"),
        (lambda folder: (folder / "checkpoint.json").write_text("{"), "is not JSON"),
        (lambda folder: (folder / "checkpoint.json").unlink(), "no checkpoint, or a part of one"),
        (lambda folder: (folder / "statistics.json").unlink(), "statistics.json is missing.*cannot run without them"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "weights.safetensors is missing.*copied in part"),
        (lambda folder: os.truncate(folder / "weights.safetensors", 100), "has 100 bytes.*expects"),
        (lambda folder: damaged(folder / "weights.safetensors"), "weights.safetensors cannot be read.*damaged"),
        (lambda folder: edited(folder, recipe="os.system"), "no module name inside wam.recipes"),
        (lambda folder: edited(folder, recipe="../mine"), "no module name inside wam.recipes"),
    ],
)
def test_damage_is_explained(tmp_path: Path, damage, message: str) -> None:
    folder = save(tmp_path / "kept", Mover(), provenance())
    damage(folder)
    with pytest.raises(ValueError, match=message):
        load(folder)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Mover(width=8), r"other shapes \['body.0.weight \(16, 4\) instead of \(8, 4\)'"),
        (nn.Linear(1, 1), r"missing \['bias', 'weight'\], unknown \['body.0.bias'"),
    ],
)
def test_a_model_that_does_not_fit_is_explained(tmp_path: Path, model: nn.Module, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        load(save(tmp_path / "kept", Mover(), provenance())).restore(model)


def test_statistics_of_another_representation_are_refused() -> None:
    absolute = ActionSpec(low_level=tuple(dataclasses.replace(slot, relative=False) for slot in ACTS.low_level))
    for statistics in (Statistics(acts=absolute, proprio_slots=PROPRIO), Statistics(acts=ACTS, proprio_slots=(Slot(name="x", unit="m"),))):
        with pytest.raises(SpecError, match="do not belong to the model's spec"):
            Provenance(spec=SPEC, statistics=statistics)


def test_a_run_gives_its_newest_checkpoint(tmp_path: Path) -> None:
    train(tmp_path / "run", save_every=9)
    assert load(tmp_path / "run").place.step == 40
    (tmp_path / "empty" / checkpoints.FOLDER).mkdir(parents=True)
    with pytest.raises(CheckpointError, match="has no checkpoint yet"):
        load(tmp_path / "empty")
    with pytest.raises(CheckpointError, match="no checkpoint, or a part of one"):
        load(tmp_path / "nowhere")


def test_pruning_keeps_the_newest_and_the_ends(tmp_path: Path) -> None:
    for index, step, ended in ((0, 5, False), (0, 9, True), (1, 5, False), (1, 10, False)):
        place = Place(stage="world", index=index, step=step, ended=ended)
        save(checkpoints.path_of(tmp_path, place), Mover(), provenance(), place=place)
    (tmp_path / checkpoints.FOLDER / ".01-world-00000011.partial").mkdir()
    checkpoints.prune(tmp_path)
    kept = sorted(path.name for path in (tmp_path / checkpoints.FOLDER).iterdir())
    assert kept == ["00-world-00000009", "01-world-00000010"]
    assert checkpoints.stored_end(tmp_path, 0).name == "00-world-00000009"


def test_the_source_hash_is_of_the_sources() -> None:
    assert Provenance(spec=SPEC, statistics=STATISTICS).source == source_hash() and len(source_hash()) == 12
