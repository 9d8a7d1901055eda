"""What the recorded numbers mean: slots with units, rate, word tables. Kept beside the data as meta/wam.json.

The LeRobot format says names and shapes; units, frames, absolute or relative, limits and whether an action was derived
from states it does not. A foreign data set has slots with empty units until its user passes a `DataSpec`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from wam.data.errors import DataError
from wam.data.layout import CAMERA_PREFIX, DEPTH_SUFFIX, DatasetInfo, read_json
from wam.world.slots import Slot
from wam.world.spec import Spec, SpecError, expect
from wam.world.specs import ActionSpec, Camera, EnvSpec, ObservationSpec
from wam.world.states import FactsSpec, PhysicalSpec

MEANING_PATH = Path("meta/wam.json")
IMAGINED = "imagined: "  # how the source of a set that no world made begins


@dataclass(frozen=True, kw_only=True)
class DataSpec(Spec):
    """What a data set shows and what was done in it."""

    observes: ObservationSpec
    acts: ActionSpec
    rate: float  # frames, so model steps, per second
    sentences: tuple[str, ...] = ()  # the table of instructions while recording; a finished set has its own tasks
    facts: FactsSpec | None = None  # of Truth.facts
    physical: PhysicalSpec | None = None  # of Truth.physical
    objects: tuple[str, ...] = ()  # names in the order of Truth.pose
    embodiment: str = ""  # robot or world
    source: str = ""  # where the data comes from: data set, licence, changes

    def __post_init__(self) -> None:
        expect(self, "rate", 0 < self.rate < float("inf"), "frames per second, above 0")

    @property
    def imagined(self) -> str | None:
        """What is told of the model that imagined the set; None of one that was recorded, or joined of several."""
        return self.source.removeprefix(IMAGINED) if self.source.startswith(IMAGINED) else None

    @property
    def partly_imagined(self) -> bool:
        """Was any of it imagined, be it one of several joined sets?"""
        return IMAGINED in self.source

    @staticmethod
    def of_world(world: EnvSpec, source: str = "") -> "DataSpec":
        """For recording in a world."""
        return DataSpec(
            observes=world.observes,
            acts=world.acts,
            rate=world.rate,
            sentences=world.sentences,
            facts=world.facts,
            physical=world.physical,
            objects=world.objects,
            embodiment=world.name,
            source=source,
        )

    @property
    def derived(self) -> bool:
        """Were any actions computed from states instead of recorded?"""
        return any(slot.derived for slot in self.acts.low_level)


def spec_of_info(info: DatasetInfo) -> DataSpec:
    """What can be known of a foreign data set: names and sizes, but neither units nor limits."""
    depth = {feature.key.removesuffix(DEPTH_SUFFIX) for feature in info.features if feature.depth and feature.dtype == "image"}
    cameras = {
        camera_name(feature.key): Camera(height=feature.size[0], width=feature.size[1], depth=feature.key in depth)
        for feature in info.features
        if feature.visual and not feature.depth
    }
    action, state = info.feature("action"), info.feature("observation.state")
    return DataSpec(
        observes=ObservationSpec(cameras=cameras, proprio=slots(state.names, state.shape) if state else ()),
        acts=ActionSpec(
            low_level=slots(action.names, action.shape) if action else (),
            per_step=action.shape[0] if action and len(action.shape) == 2 else 1,
        ),
        rate=info.fps,
        embodiment=info.robot or "",
    )


def camera_name(key: str) -> str:
    """`observation.images.top` -> `top`; `observation.image` -> `image`; `wrist_image` stays."""
    return key.removeprefix(CAMERA_PREFIX).removeprefix("observation.")


def slots(names: tuple[str, ...], shape: tuple[int, ...]) -> tuple[Slot, ...]:
    """One slot per entry of the last axis, numbered where the names do not fit or repeat: slots are found by name."""
    count = shape[-1] if shape else 1
    return tuple(Slot(name=name) for name in (names if len(names) == count == len(set(names)) else [f"slot_{i}" for i in range(count)]))


def read_meaning(root: Path) -> DataSpec | None:
    """meta/wam.json, or None for a foreign data set."""
    path = root / MEANING_PATH
    if not path.exists():
        return None
    raw = read_json(path, remedy="Delete it to read the set as a foreign one.")
    try:
        return DataSpec.from_dict(raw)
    except SpecError as error:
        cause = "it was edited, or written by another version of this library."
        raise DataError(str(error), cause=cause, remedy="Delete it to read the set as a foreign one, or record again.", path=path) from error


def file_key(name: str) -> str:
    """A camera's name as part of a feature key; only letters, digits, underscore and hyphen travel everywhere."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or name.endswith(DEPTH_SUFFIX):
        raise DataError(
            f"camera name {name!r} cannot be a feature key.",
            remedy=f"Use letters, digits, _ and -, and do not end on {DEPTH_SUFFIX!r}.",
        )
    return name
