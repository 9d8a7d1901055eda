"""RLDS episodes in TFRecord files -> LeRobot 3.0, without TensorFlow.

A record is one episode; its steps are flattened: `steps/observation/image_0` is a list of T JPEGs, `steps/action` T x A
numbers. In RLDS a step's action FOLLOWS its observation. The control rate is not stored: the layout says it.
`BRIDGE` describes BridgeData V2 (Walke et al. 2023). Rewards are not taken over: there they only mark the last step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch

from wam.data.columns import led_to
from wam.data.converters.conversion import Conversion, Told, record_all, require_there
from wam.data.converters.tfrecord import Value, parse_example, read_records
from wam.data.episode import Episode
from wam.data.errors import DataError
from wam.data.index import Note
from wam.data.meaning import DataSpec
from wam.data.pictures import decode_picture
from wam.world.records import Actions, Observation
from wam.world.slots import Slot
from wam.world.specs import ActionSpec, Camera, ObservationSpec


@dataclass(frozen=True)
class RldsLayout:
    """Which keys hold what, and what the numbers mean."""

    cameras: tuple[str, ...]  # image keys under steps/observation/, also the camera names
    action: tuple[Slot, ...]  # of steps/action
    state: tuple[Slot, ...]  # of steps/observation/state
    rate: float  # Hz
    instruction: str = "steps/language_instruction"
    embodiment: str = ""
    source: str = ""


BASE = "robot base"
BRIDGE = RldsLayout(
    cameras=("image_0", "image_1", "image_2"),
    action=(
        *(Slot(name=f"d{axis}", unit="m", frame=BASE, relative=True) for axis in "xyz"),
        *(Slot(name=f"d{angle}", unit="rad", frame=BASE, relative=True) for angle in ("roll", "pitch", "yaw")),
        Slot(name="gripper", meaning="1 = open", low=0.0, high=1.0),
    ),
    state=(
        *(Slot(name=axis, unit="m", frame=BASE) for axis in "xyz"),
        *(Slot(name=angle, unit="rad", frame=BASE) for angle in ("roll", "pitch", "yaw")),
        Slot(name="gripper", meaning="opening, 1 = open"),
    ),
    rate=5.0,
    embodiment="WidowX 250 (BridgeData V2)",
    source="BridgeData V2 (Walke et al. 2023; CC BY 4.0), RLDS, converted",
)


def convert_rlds(source: str | Path, target: str | Path, layout: RldsLayout = BRIDGE, *, progress: Told | None = None) -> Conversion:
    """Convert one TFRecord file, or all of a folder (`*.tfrecord*`), into a new data set at `target`."""
    root = Path(source)
    require_there(root)
    paths = [root] if root.is_file() else sorted(root.glob("*.tfrecord*"))
    if not paths:
        raise DataError("no TFRecord file.", remedy="Give a file, or a folder with *.tfrecord* files.", path=root)
    left: dict[str, bool] = {}  # image keys that the layout does not name -> are all of their pictures of one colour

    def read() -> Iterator[Episode]:
        for path in paths:
            for number, record in enumerate(read_records(path)):
                features = parse_example(record, path=path, episode=number)
                for key, flat in left_out(features, layout, path, number).items():
                    left[key] = left.get(key, True) and flat
                yield episode_of(features, layout, path, number)

    episodes = read()
    first = next(episodes, None)
    if first is None:
        raise DataError("the files hold no record.", remedy="Give files with episodes.", path=root)
    count, frames = record_all(Path(target), rlds_spec(layout, first), chain([first], episodes), progress)
    what = {True: "of one colour throughout", False: "with pictures, but not named in the layout"}
    notes = [Note(f"camera {key!r} ({what[flat]}) left out", "all episodes") for key, flat in left.items()]
    notes.append(Note(f"rate {layout.rate:g} Hz taken from the layout, the files do not store it", "all episodes"))
    return Conversion(Path(target), count, frames, tuple(notes))


def rlds_spec(layout: RldsLayout, first: Episode) -> DataSpec:
    """What the converted numbers mean; picture sizes are those of the first episode."""
    rgb = first.observation.rgb or {}
    return DataSpec(
        observes=ObservationSpec(
            cameras={name: Camera(height=frames.shape[-2], width=frames.shape[-1]) for name, frames in rgb.items()},
            proprio=layout.state,
        ),
        acts=ActionSpec(low_level=layout.action),
        rate=layout.rate,
        embodiment=layout.embodiment,
        source=layout.source,
    )


def episode_of(features: dict[str, Value], layout: RldsLayout, path: Path, number: int) -> Episode:
    """One record as an Episode, B = 1. Raises DataError where a key is missing or a size does not fit."""
    needed = ["steps/action", "steps/observation/state", layout.instruction, *(f"steps/observation/{name}" for name in layout.cameras)]
    if absent := [key for key in needed if key not in features]:
        raise DataError(
            f"keys {absent} missing; the record has {sorted(features)[:12]}.",
            remedy="Pass a layout= that names this data set's keys.",
            path=path,
            episode=number,
        )
    images = {name: features[f"steps/observation/{name}"] for name in layout.cameras}
    length = len(next(iter(images.values()))) if images else len(features["steps/action"]) // max(len(layout.action), 1)
    action = _table(features["steps/action"], length, len(layout.action), "steps/action", path, number)
    state = _table(features["steps/observation/state"], length, len(layout.state), "steps/observation/state", path, number)
    rgb = {}
    for name, pictures in images.items():
        if len(pictures) != length:
            raise DataError(f"{len(pictures)} pictures of {name!r}, {length} of the first camera.", remedy="Drop the episode.", path=path, episode=number)
        frames = [decode_picture(data, depth=False, path=path, episode=number) for data in pictures if isinstance(data, bytes)]
        rgb[name] = torch.from_numpy(np.stack(frames))[None]
    valid = torch.ones(1, length, 1, dtype=torch.bool)
    valid[:, 0] = False
    words = features[layout.instruction]
    sentence = words[0].decode() if len(words) and isinstance(words[0], bytes) else ""
    return Episode(
        observation=Observation(rgb=rgb or None, proprio=state[None]),
        actions=Actions(valid=valid, low_level=led_to(action)[None, :, None]),
        instruction=sentence or None,
        source=f"{path.name}#{number}",
    )


def _table(values: Value, length: int, columns: int, key: str, path: Path, number: int) -> torch.Tensor:
    if not isinstance(values, np.ndarray) or len(values) != length * columns:
        raise DataError(
            f"{key} holds {len(values)} numbers; {length} steps x {columns} slots are {length * columns}.",
            remedy="Pass a layout= whose slots fit, or drop the episode.",
            path=path,
            episode=number,
        )
    return torch.from_numpy(values.astype(np.float32).reshape(length, columns))


def left_out(features: dict[str, Value], layout: RldsLayout, path: Path, number: int) -> dict[str, bool]:
    """Image keys that the layout does not name, and whether this episode's first picture there is of one colour."""
    found = {}
    for key, pictures in features.items():
        name = key.removeprefix("steps/observation/")
        if not key.startswith("steps/observation/") or name in layout.cameras or not len(pictures):
            continue
        first = pictures[0]
        if isinstance(first, bytes) and first[:2] in (b"\xff\xd8", b"\x89P"):  # JPEG or PNG
            frame = decode_picture(first, depth=False, path=path, episode=number)
            found[name] = int(frame.max()) - int(frame.min()) < 8
    return found
