"""Between an `Episode` in memory and its columns on disk. The one place where time is shifted.

In memory action[t] LED TO observation[t]. On disk (LeRobot) the action of a row FOLLOWS its observation, and `next.reward`
and `next.done` come with that action. So on writing row t gets action, reward and alive of instant t + 1, and on reading
they move back. The last row's action led to nothing recorded: it is written as a copy and not valid; on reading it goes.

LeRobot's own names are used where it has one; every other field is stored under "wam." + its path in the record.
RGB "1 T 3 h w" uint8 <-> pictures; depth in metres <-> uint16 millimetres; a segmentation id i <-> uint16 i + 1; scene flow in metres
<-> uint16 tenths of a millimetre + 32768, its three parts below each other.
Does not know: files, PNG, video.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wam.data.episode import Episode
from wam.data.errors import DataError
from wam.data.layout import CAMERA_PREFIX, DEPTH_SUFFIX, Feature
from wam.data.meaning import DataSpec, camera_name, file_key
from wam.world.images import to_uint8
from wam.world.records import Actions, Contacts, Facts, Latent, Observation, Physical, Points, Tracks, Truth

KEYS = {"observation.proprio": "observation.state", "actions.low_level": "action", "reward": "next.reward"}
PATHS = {key: path for path, key in KEYS.items()}
OURS = "wam."
SCALARS = ("reward", "alive", "success", "actions.labelled", "actions.language")  # one number per instant: shape [1] on disk, no axis in memory
SEGMENTATION = OURS + "truth.segmentation."
FLOW = OURS + "truth.scene_flow."
FLOW_PER_METRE, FLOW_ZERO = 10_000, 32768  # counts per metre, and the count that stands for 0
FIRST: dict[str, float | Tensor] = {"alive": 1, "actions.language": -1, "actions.camera": torch.eye(4)}  # of a first frame, to which nothing led; 0 elsewhere


def is_shifted(path: str) -> bool:
    """Does the field belong to the step that led to a frame?"""
    return path.startswith("actions.") or path in ("reward", "alive")


# -- out -----------------------------------------------------------------------------------------------------------------------


def flatten(episode: Episode) -> dict[str, Tensor]:
    """Present tensors by path: "observation.rgb.top" -> "T 3 h w". Raises DataError for what has no place on disk."""
    found = {}
    for path, axes, leaf in episode.leaves():
        name = path.removeprefix("Episode.").replace("['", ".").replace("']", "")
        if name.startswith("observation.state"):
            raise DataError("imagined states are not recorded.", remedy="Decode them to frames first, or drop the field.")
        found[name] = leaf[0] if "T" in axes else leaf[:1].expand(episode.length, *leaf.shape[1:])
    return found


def disk_columns(episode: Episode) -> dict[str, NDArray[Any]]:
    """Columns by feature key, shifted, as arrays "T ..."; pictures as "T c h w" in uint8 or uint16."""
    columns: dict[str, NDArray[Any]] = {}
    for path, values in flatten(episode).items():
        array = np.asarray(values.detach().cpu().contiguous())
        if is_shifted(path):
            array = np.concatenate([array[1:], array[-1:]])
        if path == "alive":
            array = ~array
            array[-1] = True  # the format marks every last row as done
            columns["next.done"] = array
        elif path.startswith("observation.rgb."):
            columns[CAMERA_PREFIX + file_key(path.split(".", 2)[2])] = np.asarray(to_uint8(values))
        elif path.startswith("observation.depth."):
            columns[CAMERA_PREFIX + file_key(path.split(".", 2)[2]) + DEPTH_SUFFIX] = np.rint(array * 1000).clip(0, 65535).astype(np.uint16)
        elif path.startswith("truth.segmentation."):
            columns[OURS + path] = (array[:, None] + 1).astype(np.uint16)
        elif path.startswith("truth.scene_flow."):
            counts = (np.rint(array * FLOW_PER_METRE) + FLOW_ZERO).clip(0, 65535).astype(np.uint16)
            columns[OURS + path] = counts.reshape(len(counts), 1, -1, counts.shape[-1])
        elif path == "actions.valid":
            array[-1] = False
            columns[OURS + path] = array
        elif path == "actions.low_level" and array.shape[1] == 1:
            columns["action"] = array[:, 0]
        else:
            columns[KEYS.get(path, OURS + path)] = array
    return columns


def features_of(columns: Mapping[str, NDArray[Any]], spec: DataSpec, video: frozenset[str]) -> tuple[Feature, ...]:
    """The features that these columns need; `video` names the keys that go into streams."""
    names = {"action": spec.acts.low_level, "observation.state": spec.observes.proprio}
    found = []
    for key, array in columns.items():
        if array.dtype in (np.uint8, np.uint16):
            found.append(
                Feature(
                    key=key,
                    dtype="video" if key in video else "image",
                    shape=(array.shape[2], array.shape[3], array.shape[1]),
                    axes=("height", "width", "channels"),
                    depth=array.dtype == np.uint16,
                )
            )
        else:
            labels = tuple(slot.name for slot in names.get(key, ()))
            found.append(Feature(key, str(array.dtype), array.shape[1:] or (1,), names=labels))
    return tuple(found)


# -- in ------------------------------------------------------------------------------------------------------------------------


def episode_from(columns: Mapping[str, NDArray[Any]], spec: DataSpec, length: int) -> Episode:
    """The inverse of `disk_columns`; also for foreign sets, whose actions are valid from the second frame on."""
    parts: dict[str, Tensor] = {}
    for key, array in columns.items():
        path = path_of(key, array)
        if path is None:
            continue
        values = torch.from_numpy(np.ascontiguousarray(_numbers(array, key)))
        if path in SCALARS:
            values = values[:, 0]
        if path == "actions.low_level" and values.ndim == 2:
            values = values[:, None]
        if path == "alive":
            values = ~values.bool()
        elif path == "success":
            values = values.bool()
        elif path.startswith("observation.depth.") and array.dtype == np.uint16:
            values = values.float() / 1000
        elif key.startswith(SEGMENTATION):
            values = values[:, 0].long() - 1
        elif key.startswith(FLOW):
            values = (values.float() - FLOW_ZERO).unflatten(2, (3, -1))[:, 0] / FLOW_PER_METRE
        if key == "next.success":
            values = torch.cat([values[:-2], values[-2:-1] | values[-1:], values[-1:]])  # some writers tell the outcome in the last row, which is dropped
        if is_shifted(path) or key == "next.success":
            values = led_to(values, first=FIRST.get(path, 0))
        parts[path] = values[None]
    if "actions.valid" not in parts:
        valid = torch.full((1, length, spec.acts.per_step), "actions.low_level" in parts)
        valid[:, 0] = False
        parts["actions.valid"] = valid
    return assemble(parts, spec)


def led_to(following: Tensor, first: float | Tensor = 0) -> Tensor:
    """What FOLLOWED each frame "T ..." -> what LED TO it; the first gets `first`, the last is dropped."""
    return torch.cat([torch.as_tensor(first, dtype=following.dtype).expand_as(following[:1]), following[:-1]])


def _numbers(array: NDArray[Any], key: str) -> NDArray[Any]:
    """float64 and the small integers of foreign sets become float32 and int64; bool and pictures stay."""
    if array.dtype in (np.uint8, np.uint16, np.bool_):
        return array
    if key in PATHS or array.dtype.kind == "f":
        return array.astype(np.float32)
    return array.astype(np.int64)


def path_of(key: str, array: NDArray[Any] | None = None) -> str | None:
    """Where a column goes in an `Episode`; None for one that has no place there. Pictures are known by their array, whatever their key."""
    if key in PATHS:
        return PATHS[key]
    if key == "next.done":
        return "alive"
    if key == "next.success":
        return "success"
    if key.startswith(OURS):
        return key.removeprefix(OURS)
    if array is not None and array.ndim == 4 and array.dtype == np.uint16:
        return f"observation.depth.{camera_name(key).removesuffix(DEPTH_SUFFIX)}"
    if array is not None and array.ndim == 4 and array.dtype == np.uint8:
        return f"observation.rgb.{camera_name(key)}"
    return None


def assemble(parts: Mapping[str, Tensor], spec: DataSpec) -> Episode:
    """Tensors by path -> the record. Leaves without a time axis keep the value of their first frame."""
    groups: dict[str, dict[str, Any]] = {}  # "observation.rgb" -> {"top": leaf}, "observation" -> {"proprio": leaf}
    for path, leaf in parts.items():
        first, _, rest = path.partition(".")
        second, _, last = rest.partition(".")
        groups.setdefault(f"{first}.{second}" if last else first, {})[last or second or first] = leaf
    physical = groups.get("truth.physical", {})
    if "parameters" in physical:
        physical["parameters"] = physical["parameters"][:, 0]
    points, state, tracks, facts, contacts = (
        groups.get(name) for name in ("observation.points", "observation.state", "truth.tracks", "truth.facts", "truth.contacts")
    )
    truth = None
    if any(name.startswith("truth") for name in groups):
        truth = Truth(
            segmentation=groups.get("truth.segmentation"),
            scene_flow=groups.get("truth.scene_flow"),
            contacts=Contacts(**contacts) if contacts else None,
            tracks=Tracks(**tracks) if tracks else None,
            physical=Physical(**physical) if physical else None,
            facts=Facts(**facts, atoms=spec.facts.atoms if spec.facts else ()) if facts else None,
            **groups.get("truth", {}),
        )
    return Episode(
        observation=Observation(
            rgb=groups.get("observation.rgb"),
            depth=groups.get("observation.depth"),
            camera_pose=groups.get("observation.camera_pose"),
            points=Points(**points) if points else None,
            state=Latent(**state) if state else None,
            **groups.get("observation", {}),
        ),
        actions=Actions(**groups["actions"]),
        truth=truth,
        reward=parts.get("reward"),
        alive=parts.get("alive"),
        success=parts.get("success"),
    )
