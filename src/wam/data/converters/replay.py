"""Replay buffers and robomimic-style files -> LeRobot 3.0.

What their arrays mean stands in no file of theirs: a `ReplayLayout` says it. `PUSHT` describes the human demonstrations of
Push-T (Chi et al. 2023; MIT), whose states can be drawn by the simulator that made them: pass `draw`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from wam.data.columns import led_to
from wam.data.converters.arrays import Arrays, read_arrays
from wam.data.converters.conversion import Conversion, Told, record_all, require_there
from wam.data.episode import Episode
from wam.data.errors import DataError
from wam.data.index import Note
from wam.data.meaning import DataSpec
from wam.world.records import Actions, Observation
from wam.world.slots import Slot
from wam.world.spec import Spec, SpecError
from wam.world.specs import ActionSpec, Camera, ObservationSpec

Draw = Callable[[NDArray[Any]], NDArray[np.uint8]]
DRAWN = "top"  # the camera of frames that are drawn from states


@dataclass(frozen=True, kw_only=True)
class ReplayLayout(Spec):
    """Which arrays hold what, and what the numbers mean. Reads from JSON."""

    action: tuple[Slot, ...]
    state: tuple[Slot, ...]  # columns of the state arrays, one after the other
    rate: float  # Hz
    cameras: dict[str, str] = field(default_factory=dict)  # name of a camera -> its array "T h w 3", uint8
    actions: str = "action"  # name of their array
    states: tuple[str, ...] = ("state",)  # names of the state arrays
    minus: tuple[str, ...] = ()  # state slots, one per action slot: an action is kept as its difference from where they were, a move instead of a target
    instruction: str | None = None
    embodiment: str = ""
    source: str = ""


FIELD = 512.0  # px, width and height of the Push-T field
PUSHT = ReplayLayout(
    action=tuple(Slot(name=f"target_{axis}", unit="px", meaning="where the pusher shall go", low=0.0, high=FIELD) for axis in "xy"),
    state=(
        *(Slot(name=f"pusher_{axis}", unit="px") for axis in "xy"),
        *(Slot(name=f"block_{axis}", unit="px") for axis in "xy"),
        Slot(name="block_angle", unit="rad"),
    ),
    rate=10.0,
    instruction="push the T to its place",
    embodiment="Push-T",
    source="Push-T human demonstrations (Chi et al. 2023; MIT), converted",
)
MOVES = replace(  # the same, each action as the way from the pusher to its target
    PUSHT,
    action=tuple(Slot(name=f"move_{axis}", unit="px", meaning="from the pusher to where it shall go", relative=True, low=-FIELD, high=FIELD) for axis in "xy"),
    minus=("pusher_x", "pusher_y"),
)


def convert_replay(
    source: str | Path,
    target: str | Path,
    layout: ReplayLayout,
    *,
    draw: Draw | None = None,
    first: Callable[[int], int] | None = None,
    progress: Told | None = None,
) -> Conversion:
    """Convert one file (see `arrays.py`) into a new data set at `target`.

    `draw` makes pictures "T h w 3" of states "T P". `first` says of so many episodes how many are taken; None = all.
    """
    path = Path(source)
    require_there(path)
    sample = next(read_arrays(path), None)
    if sample is None:
        raise DataError("it holds no episode.", remedy="Give a file with episodes.", path=path)
    taken = None if first is None else first(sum(1 for _ in read_arrays(path)))
    spec = replay_spec(layout, episode_of(*sample, layout, path, draw))

    def read() -> Iterator[Episode]:
        for name, arrays in islice(read_arrays(path), taken):
            yield episode_of(name, arrays, layout, path, draw)

    count, frames = record_all(Path(target), spec, read(), progress)
    used = {layout.actions, *layout.states, *layout.cameras.values()}
    notes = [Note(f"array {name!r} left out", "all episodes") for name in sorted(sample[1].keys() - used)]
    notes.append(Note(f"rate {layout.rate:g} Hz and the meaning of the columns taken from the layout, the files do not store them", "all episodes"))
    if taken is not None:
        notes.append(Note(f"only the first {taken} episodes taken", path.name))
    if draw is not None:
        notes.append(Note(f"frames of camera {DRAWN!r} drawn from the states: nobody saw them while acting", "all episodes"))
    return Conversion(Path(target), count, frames, tuple(notes))


def replay_spec(layout: ReplayLayout, first: Episode) -> DataSpec:
    """What the converted numbers mean; picture sizes are those of the first episode."""
    rgb = first.observation.rgb or {}
    cameras = {name: Camera(height=frames.shape[-2], width=frames.shape[-1]) for name, frames in rgb.items()}
    return DataSpec(
        observes=ObservationSpec(cameras=cameras, proprio=layout.state),
        acts=ActionSpec(low_level=layout.action),
        rate=layout.rate,
        embodiment=layout.embodiment,
        source=layout.source,
    )


def episode_of(name: str, arrays: Arrays, layout: ReplayLayout, path: Path, draw: Draw | None) -> Episode:
    """One episode, B = 1. DataError where an array is missing or does not fit."""
    needed = (layout.actions, *layout.states, *layout.cameras.values())
    if absent := [key for key in needed if key not in arrays]:
        raise DataError(
            f"arrays {absent} missing; the episode has {sorted(arrays)}.",
            cause="they have other names in this file, or in a buffer another length than its steps.",
            remedy="Pass a layout that names this file's arrays, or export those that are too short or too long again.",
            path=path,
            episode=name,
        )
    lengths = {key: len(arrays[key]) for key in needed}
    if len(set(lengths.values())) > 1:
        raise DataError(f"its arrays differ in length: {lengths}.", remedy="Export the episode again, or drop it.", path=path, episode=name)
    action, state = arrays[layout.actions], np.concatenate([arrays[key].reshape(len(arrays[key]), -1) for key in layout.states], 1)
    for what, values, slots in (("action", action, layout.action), ("state", state, layout.state)):
        if values.ndim != 2 or values.shape[1] != len(slots):
            raise DataError(
                f"{what} has shape {values.shape}, the layout names {len(slots)} columns.", remedy="Pass a layout whose slots fit.", path=path, episode=name
            )
    if layout.minus:
        action = action - state[:, columns(layout)]
    frames = {camera: arrays[key] for camera, key in layout.cameras.items()}
    if draw is not None:
        frames[DRAWN] = draw(state)
    rgb = {camera: picture(values, camera, path, name) for camera, values in frames.items()}
    valid = torch.ones(1, len(action), 1, dtype=torch.bool)
    valid[:, 0] = False
    return Episode(
        observation=Observation(rgb=rgb or None, proprio=torch.from_numpy(state).float()[None]),
        actions=Actions(valid=valid, low_level=led_to(torch.from_numpy(action).float())[None, :, None]),
        instruction=layout.instruction,
        source=f"{path.name}#{name}",
    )


def columns(layout: ReplayLayout) -> list[int]:
    """Which state columns `minus` names. SpecError where they do not fit the action."""
    names = [slot.name for slot in layout.state]
    if len(layout.minus) != len(layout.action) or not set(layout.minus) <= set(names):
        raise SpecError(f"minus names {layout.minus} for {len(layout.action)} action slots: name one state slot for each, out of {names}.")
    return [names.index(name) for name in layout.minus]


def picture(frames: NDArray[Any], key: str, path: Path, name: str) -> torch.Tensor:
    """ "T h w 3" uint8 -> "1 T 3 h w"."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[-1] != 3:
        raise DataError(
            f"{key} is {frames.dtype} {frames.shape}; pictures are uint8 T x h x w x 3.",
            remedy="Export it so, or leave the camera out.",
            path=path,
            episode=name,
        )
    return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))[None]
