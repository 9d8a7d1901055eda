"""A checkpoint: a folder of safetensors and JSON, complete or absent, without pickle.

    checkpoint.json         schema, files with their sizes, place in the run, recipe, preset, configuration, source hash
    spec.json               the model's spec               statistics.json   of actions and proprioception
    weights.safetensors     parameters and buffers         average.safetensors, optimiser.safetensors   where there are any

It is written beside its final name, flushed to the disk and renamed, so a folder under its final name is complete. Random
numbers need no stored state: data order, noise and torch's generators are functions of (seed, stage, step, process).
Does not know: recipes (it stores a name), how a model is built. Footgun: tied weights are written once per name.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from wam.train.provenance import Provenance
from wam.world import PolicySpec, Spec, Statistics, WorldModelSpec

SCHEMA = 1
FOLDER = "checkpoints"  # inside a run
Module = TypeVar("Module", bound=nn.Module)
SPECS: dict[str, type[WorldModelSpec] | type[PolicySpec]] = {"WorldModelSpec": WorldModelSpec, "PolicySpec": PolicySpec}


class CheckpointError(ValueError):
    """A checkpoint that cannot be read, or does not fit the model."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where in a run a checkpoint was taken. The defaults say: not inside a run."""

    stage: str = ""
    index: int = 0  # of the stage, in the order of training
    step: int = 0  # optimiser steps done in it
    ended: bool = True  # nothing is left to do in it
    position: int = 0  # windows seen in it: where the data order goes on
    windows: int = 0  # windows that it learns from
    seed: int = 0
    stages: tuple[Mapping[str, Any], ...] = ()  # all stages of the run, as resolved

    @property
    def left(self) -> str:
        """What a run still has to do, in words; "" where it is over."""
        if self.ended and self.index + 1 >= len(self.stages):
            return ""
        after = f", before {', '.join(repr(stage['name']) for stage in self.stages[self.index + 1 :])}" if self.index + 1 < len(self.stages) else ""
        return f"it was stopped after step {self.step} of stage {self.stage!r}{after}"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What was read from a folder; tensors are on the CPU."""

    provenance: Provenance
    place: Place
    weights: Mapping[str, Tensor]
    extra: Mapping[str, Any]  # what modules keep beside tensors (get_extra_state), JSON-ready
    average: Mapping[str, Tensor] | None  # the weights again, averaged over training
    optimiser: Mapping[str, Tensor] | None  # "parameter/moment"
    folder: Path

    def restore(self, model: Module, *, averaged: bool = True) -> Module:
        """Write the weights into the model, the averaged ones where there are any, and return it. CheckpointError where they do not fit."""
        stored = self.average if averaged and self.average is not None else self.weights
        wanted = {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}
        missing, unknown = sorted(wanted.keys() - stored.keys()), sorted(stored.keys() - wanted.keys())
        shapes = [
            f"{name} {tuple(stored[name].shape)} instead of {tuple(value.shape)}"
            for name, value in wanted.items()
            if name in stored and stored[name].shape != value.shape
        ]
        if missing or unknown or shapes:
            raise CheckpointError(
                f"{self.folder} does not fit {type(model).__name__}: missing {_some(missing)}, unknown {_some(unknown)}, other shapes {_some(shapes)}. "
                f"It holds recipe {self.provenance.recipe!r}, preset {self.provenance.preset!r}: build the model with that configuration."
            )
        model.load_state_dict({**stored, **self.extra})
        return model


def save(
    folder: Path | str,
    model: nn.Module,
    provenance: Provenance,
    *,
    place: Place | None = None,
    average: Mapping[str, Tensor] | None = None,
    optimiser: Mapping[str, Tensor] | None = None,
) -> Path:
    """Write a checkpoint in one atomic step. CheckpointError if the folder exists or the model keeps state that is not JSON."""
    folder = Path(folder)
    if folder.exists():
        raise CheckpointError(f"{folder} exists. A checkpoint is never overwritten: choose another name, or remove it first.")
    weights = {name: value for name, value in model.state_dict().items() if isinstance(value, Tensor)}
    extra = {name: value for name, value in model.state_dict().items() if not isinstance(value, Tensor)}
    try:
        plain = json.loads(json.dumps(extra)) == extra
    except TypeError:
        plain = False
    if not plain:
        raise CheckpointError(
            f"the extra state {sorted(extra)} of {type(model).__name__} does not survive JSON. get_extra_state must return "
            "dicts with string keys, lists, numbers and strings; tensors belong in buffers."
        )
    tensors = {"weights": weights, "average": average, "optimiser": optimiser}
    head = {
        "recipe": provenance.recipe,
        "preset": provenance.preset,
        "config": provenance.config,
        "source": provenance.source,
        "place": asdict(place or Place()),
        "extra": extra,
    }
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, values in tensors.items():
        if values is not None:
            save_file({key: value.detach().cpu().contiguous().clone() for key, value in values.items()}, partial / f"{name}.safetensors")
    (partial / "spec.json").write_text(provenance.spec.to_json())
    (partial / "statistics.json").write_text(provenance.statistics.to_json())
    for path in partial.iterdir():
        path.chmod((partial / "spec.json").stat().st_mode)  # safetensors writes for the owner only
    sizes = {path.name: path.stat().st_size for path in sorted(partial.iterdir())}
    (partial / "checkpoint.json").write_text(json.dumps({"schema": SCHEMA, "files": sizes, **head}, indent=2))
    for path in (*partial.iterdir(), partial):
        _flush(path)
    partial.rename(folder)
    _flush(folder.parent)
    return folder


def load(path: Path | str) -> Checkpoint:
    """Read a checkpoint folder, or the newest checkpoint of a run. CheckpointError for anything that is not as written."""
    folder = Path(path)
    if (folder / FOLDER).is_dir():
        found = stored(folder)
        if not found:
            raise CheckpointError(f"the run {folder} has no checkpoint yet. Resume its training, or wait for the first one.")
        folder = found[-1]
    head = _head(folder)
    spec = _spec(folder)
    statistics = Statistics.from_json(_text(folder / "statistics.json"))
    place = head["place"]
    return Checkpoint(
        provenance=Provenance(spec=spec, statistics=statistics, recipe=head["recipe"], preset=head["preset"], config=head["config"], source=head["source"]),
        place=Place(**{**place, "stages": tuple(place["stages"])}),
        weights=_tensors(folder / "weights.safetensors"),
        extra=head["extra"],
        average=_tensors(folder / "average.safetensors") if "average.safetensors" in head["files"] else None,
        optimiser=_tensors(folder / "optimiser.safetensors") if "optimiser.safetensors" in head["files"] else None,
        folder=folder,
    )


def path_of(run: Path, place: Place) -> Path:
    """Where a run keeps the checkpoint of a place; names sort by age."""
    return run / FOLDER / f"{place.index:02d}-{place.stage}-{place.step:08d}"


def stored(run: Path) -> list[Path]:
    """The complete checkpoints of a run, oldest first."""
    return sorted(path for path in (run / FOLDER).glob("[0-9]*") if path.is_dir())


def stored_end(run: Path, index: int) -> Path:
    """The checkpoint that ended a stage."""
    return [path for path in stored(run) if path.name.startswith(f"{index:02d}-")][-1]


def prune(run: Path) -> None:
    """Keep the newest checkpoint and the one that ended each stage; remove the others and what a killed process left."""
    *old, _ = stored(run)
    for path in old:
        if not _head(path)["place"]["ended"]:
            path.rename(path.with_name(f".{path.name}.old"))  # half a folder never has a checkpoint's name
    for path in (run / FOLDER).glob(".*"):
        shutil.rmtree(path, ignore_errors=True)


# -- reading, with errors that explain ---------------------------------------------------------------------------------------


def _head(folder: Path) -> dict[str, Any]:
    """checkpoint.json, after checking schema and files."""
    try:
        head: dict[str, Any] = json.loads(_text(folder / "checkpoint.json"))
    except json.JSONDecodeError as error:
        raise CheckpointError(f"{folder / 'checkpoint.json'} is not JSON ({error}). It was edited or damaged: use another checkpoint of the run.") from error
    if head.get("schema") != SCHEMA:
        raise CheckpointError(
            f"{folder} has checkpoint schema {head.get('schema')}, this wam reads {SCHEMA}. Another version of wam wrote it: "
            f"install that one (source hash {head.get('source', 'unknown')}), or train again."
        )
    wanted = {"files", "place", "recipe", "preset", "config", "source", "extra"}
    if lacking := wanted - head.keys():
        raise CheckpointError(f"{folder / 'checkpoint.json'} lacks {sorted(lacking)}. It was edited or damaged: use another checkpoint of the run.")
    needed = {"spec.json", "statistics.json", "weights.safetensors"}
    for name in sorted(needed | head["files"].keys()):
        size = (folder / name).stat().st_size if (folder / name).exists() else None
        if size is None or size != head["files"].get(name):
            raise CheckpointError(
                f"{folder / name} {'is missing' if size is None else f'has {size} bytes'}, checkpoint.json expects {head['files'].get(name)} bytes. "
                f"{'Models normalise with these statistics and cannot run without them. ' if name == 'statistics.json' else ''}"
                "The folder was probably copied in part or edited: copy the whole folder again, or use another checkpoint of the run."
            )
    return head


def _spec(folder: Path) -> WorldModelSpec | PolicySpec:
    text = _text(folder / "spec.json")
    kind = json.loads(text).get("kind")
    if kind not in SPECS:
        raise CheckpointError(f"{folder / 'spec.json'} holds a {kind}, expected one of {sorted(SPECS)}. Another version of wam wrote it.")
    spec: Spec = SPECS[kind].from_json(text)
    assert isinstance(spec, (WorldModelSpec, PolicySpec))
    return spec


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except SafetensorError as error:
        raise CheckpointError(f"{path} cannot be read ({error}). It was damaged after it was written: use another checkpoint of the run.") from error
    return tensors


def _text(path: Path) -> str:
    if not path.exists():
        raise CheckpointError(f"{path} is missing. {path.parent} is no checkpoint, or a part of one: pass a run, or a folder under its {FOLDER}/.")
    return path.read_text()


def _flush(path: Path) -> None:
    """To the disk, for a file or a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _some(names: list[str]) -> str:
    return f"{names[:4]}" + (f" and {len(names) - 4} more" if len(names) > 4 else "")
