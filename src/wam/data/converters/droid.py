"""The DROID layout of small public excerpts -> LeRobot 3.0.

    annotation/<split>/<id>.json    texts, success, states (T x 7), joints, and at 15 Hz observation.state.* and action.*
    videos/<split>/<id>/<n>.mp4     cameras 0 and 1 outside, 2 on the wrist

`states` rows are x, y, z (m), roll, pitch, yaw (rad, R = Rz Ry Rx), gripper, in the robot's base frame, one per video frame.
The source's gripper is 0 open .. 1 closed; here it is 1 open.

Actions. Recorded: the commanded cartesian pose (absolute) and gripper at 15 Hz, R = 3 per frame: the three commands after
frame t - 1 led to frame t. Derived (where none were recorded, or on request): the motion between two frames, translation (m)
and rotation vector (rad) in the base frame, and the gripper reached; marked `derived` slot by slot. A derived action is what
happened, not what was commanded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from wam.data.converters.conversion import Conversion, Told, record_all, require_there
from wam.data.episode import Episode
from wam.data.errors import DataError
from wam.data.index import Note
from wam.data.layout import read_json
from wam.data.meaning import DataSpec
from wam.data.video import count_frames, read_video, video_rate
from wam.world.geometry import rotations
from wam.world.records import Actions, Observation
from wam.world.slots import Slot
from wam.world.specs import ActionSpec, Camera, ObservationSpec

CAMERAS = ("outside_1", "outside_2", "wrist")
ACTION_RATE = 15.0  # Hz
RAW = ("action.cartesian_position", "action.gripper_position", "observation.state.cartesian_position", "observation.state.joint_position")
TRIM = "Pass trim=True (`--trim`) to cut both to the shorter, or drop the episode."
AXES = ("x", "y", "z")
ANGLES = ("roll", "pitch", "yaw")
BASE = "robot base"
TURN = "jumps by a whole turn at +-pi"

Kind = Literal["recorded", "derived"]


def convert_droid(source: str | Path, target: str | Path, *, actions: Kind | None = None, trim: bool = False, progress: Told | None = None) -> Conversion:
    """Convert a folder with annotation/ and videos/ into a new data set at `target`.

    actions   "recorded" or "derived"; by default recorded where every episode has them, else derived
    trim      cut episodes whose states and frames differ in number; without it they are errors
    """
    root = Path(source)
    require_there(root)
    paths = sorted(root.glob("annotation/*/*.json"), key=lambda path: (path.parent.name, path.stem.zfill(12)))
    if not paths:
        raise DataError("no annotation/<split>/<id>.json.", remedy="Give the folder that holds annotation/ and videos/.", path=root)
    sources = [Source.read(root, path, trim) for path in paths]
    kind: Kind = actions or ("recorded" if all(one.recorded for one in sources) else "derived")
    rates = {one.rate for one in sources}
    if len(rates) > 1:
        raise DataError(f"video rates differ: {sorted(rates)}.", remedy="Convert episodes of one rate at a time.", path=root)
    spec = droid_spec(kind, rates.pop(), sources[0])
    count, frames = record_all(Path(target), spec, (one.episode(kind, spec.acts.per_step, root) for one in sources), progress)
    notes = [note for one in sources for note in one.notes]
    notes.append(Note("gripper turned from 0 open .. 1 closed to 1 open", "all episodes"))
    if kind == "derived":
        notes.append(Note("actions derived from state differences: what happened, not what was commanded", "all episodes"))
    return Conversion(Path(target), count, frames, tuple(notes))


def droid_spec(kind: Kind, rate: float, first: "Source") -> DataSpec:
    """What the converted numbers mean."""
    pose = tuple(Slot(name=name, unit="m", frame=BASE) for name in AXES) + tuple(Slot(name=name, unit="rad", meaning=TURN, frame=BASE) for name in ANGLES)
    gripper = Slot(name="gripper", meaning="1 = open", low=0.0, high=1.0)
    joints = tuple(Slot(name=f"joint_{i + 1}", unit="rad", frame="joint") for i in range(7))
    recorded = ActionSpec(low_level=(*commanded(pose), gripper), per_step=round(ACTION_RATE / rate))
    cameras = {name: Camera(height=first.size[0], width=first.size[1]) for name in CAMERAS}
    return DataSpec(
        observes=ObservationSpec(cameras=cameras, proprio=(*pose, gripper, *joints)),
        acts=recorded if kind == "recorded" else ActionSpec(low_level=motion_slots()),
        rate=rate,
        embodiment="Franka Panda (DROID)",
        source="DROID layout (Khazatsky et al. 2024; CC BY 4.0), converted",
    )


def commanded(pose: Sequence[Slot]) -> tuple[Slot, ...]:
    """Slots of the commanded pose."""
    return tuple(Slot(name=slot.name, unit=slot.unit, frame=slot.frame, meaning=f"commanded; {slot.meaning}".removesuffix("; ")) for slot in pose)


def motion_slots() -> tuple[Slot, ...]:
    """Slots of a motion between two frames, derived from states."""
    moved = [Slot(name=f"d{name}", unit="m", frame=BASE, relative=True, derived=True) for name in AXES]
    turned = [Slot(name=f"rotation_{name}", unit="rad", meaning="rotation vector", frame=BASE, relative=True, derived=True) for name in AXES]
    return (*moved, *turned, Slot(name="gripper", meaning="1 = open", low=0.0, high=1.0, derived=True))


def motion(states: Tensor) -> Tensor:
    """Motion that led to each row of "T 7" (x y z roll pitch yaw gripper) -> "T 7"; the first is zero but for the gripper."""
    turn = rotations.matrix_from_euler(states[:, 3:6])
    turned = rotations.log(turn[1:] @ turn[:-1].mT)
    change = torch.cat([states[1:, :3] - states[:-1, :3], turned], -1)
    return torch.cat([torch.cat([torch.zeros_like(change[:1]), change]), states[:, 6:]], -1)


@dataclass(frozen=True)
class Source:
    """One annotated episode, checked."""

    path: Path
    raw: dict[str, Any]
    videos: tuple[Path, ...]
    length: int  # frames that are used
    rate: float  # Hz, as the videos say
    size: tuple[int, int]
    notes: tuple[Note, ...]

    @property
    def recorded(self) -> bool:
        """Does it hold commanded actions at 15 Hz?"""
        return all(key in self.raw for key in RAW)

    @staticmethod
    def read(root: Path, path: Path, trim: bool) -> "Source":
        """Raises DataError where files are missing or counts differ."""
        raw = read_json(path, remedy="Copy it again from its source.")
        name = f"{path.parent.name}/{path.stem}"
        missing = [key for key in ("states", "texts", "success") if key not in raw]
        if missing:
            raise DataError(f"keys {missing} missing.", remedy="This is not an annotation of the DROID layout.", path=path, episode=name)
        videos = tuple(root / "videos" / path.parent.name / path.stem / f"{camera}.mp4" for camera in range(len(CAMERAS)))
        counts = {str(video.relative_to(root)): count_frames(video, episode=name) for video in videos}
        states = len(raw["states"])
        if "joints" in raw:
            counts["joints"] = len(raw["joints"])
        length = min(states, *counts.values())
        notes = []
        if {states, *counts.values()} != {length}:
            frames = ", ".join(f"{count} in {what}" for what, count in counts.items())
            if not trim:
                raise DataError(f"{states} states, but {frames}: they cannot be aligned.", remedy=TRIM, path=path, episode=name)
            notes.append(Note(f"trimmed to {length} frames: {states} states, {frames}", str(path)))
        rate, height, width = video_rate(videos[0], episode=name)
        return Source(path, raw, videos, length, rate, (height, width), tuple(notes))

    def episode(self, kind: Kind, per_step: int, root: Path) -> Episode:
        """As a record with B = 1."""
        name = f"{self.path.parent.name}/{self.path.stem}"
        states = self._numbers("states", name, self.length, 7)[: self.length]
        states[:, 6] = 1 - states[:, 6]
        joints = self._joints(per_step if kind == "recorded" else round(ACTION_RATE / self.rate), name)
        low_level = self._commands(per_step, states, name) if kind == "recorded" else motion(states)[:, None]
        valid = torch.ones(1, self.length, low_level.shape[1], dtype=torch.bool)
        valid[:, 0] = False
        rgb = {
            camera: torch.from_numpy(read_video(video, self.length, fps=self.rate, episode=name))[None]
            for camera, video in zip(CAMERAS, self.videos, strict=True)
        }
        success = torch.zeros(1, self.length, dtype=torch.bool)
        success[:, -1] = bool(self.raw["success"])
        return Episode(
            observation=Observation(rgb=rgb, proprio=torch.cat([states, joints], -1).float()[None]),
            actions=Actions(valid=valid, low_level=low_level.float()[None]),
            success=success,
            instruction=self.raw["texts"][0] if self.raw["texts"] else None,
            source=str(self.path.relative_to(root)),
        )

    def _joints(self, per_step: int, name: str) -> Tensor:
        """Angles at each frame, "T 7"."""
        if "joints" in self.raw:
            return self._numbers("joints", name, self.length, 7)[: self.length]
        if "observation.state.joint_position" not in self.raw:
            raise DataError("no joint angles.", remedy="Drop the episode.", path=self.path, episode=name)
        fast = self._numbers("observation.state.joint_position", name, per_step * (self.length - 1) + 1, 7)
        return fast[::per_step][: self.length]

    def _commands(self, per_step: int, states: Tensor, name: str) -> Tensor:
        """The commands that led to each frame, "T R 7"."""
        if absent := [key for key in RAW if key not in self.raw]:
            raise DataError(f"no {absent}.", remedy="Pass actions='derived'.", path=self.path, episode=name)
        measured = self._numbers("observation.state.cartesian_position", name, 1, 6)
        needed = per_step * (self.length - 1)
        if len(measured) <= needed or not torch.allclose(measured[: needed + 1 : per_step], states[:, :6], atol=1e-4):
            raise DataError(
                f"states are not every {per_step}th of the {len(measured)} rows at {ACTION_RATE:g} Hz: the actions cannot be aligned.",
                remedy="Pass actions='derived'.",
                path=self.path,
                episode=name,
            )
        pose = self._numbers("action.cartesian_position", name, needed, 6)[:needed]
        gripper = 1 - self._numbers("action.gripper_position", name, needed)[:needed]
        commands = torch.cat([pose, gripper[:, None]], -1).view(-1, per_step, 7)  # between frames t and t + 1
        return torch.cat([commands.new_zeros(1, per_step, 7), commands])

    def _numbers(self, key: str, name: str, rows: int, *columns: int) -> Tensor:
        """The rows under a key, cut to so many columns. Raises DataError where there are fewer of either, or rows differ in size."""
        least = (max(rows, 1), *columns)
        try:
            values = torch.tensor(self.raw[key], dtype=torch.float64)
            came = f"of shape {list(values.shape)}"
        except (TypeError, ValueError) as error:
            values, came = torch.empty(0), f"no table of numbers ({error})"
        if values.ndim != len(least) or any(here < wanted for here, wanted in zip(values.shape, least, strict=True)):
            raise DataError(
                f"{key} is {came}; {self.length} frames need {list(least)} or more.",
                cause="the annotation was cut off, or is of another robot.",
                remedy="Drop the episode, or copy it again from its source.",
                path=self.path,
                episode=name,
            )
        return values[:, : columns[0]] if columns else values
