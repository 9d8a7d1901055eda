"""What a Gymnasium environment says about itself -> an `EnvSpec` of ours. Needs the extra "gym".

Pictures (uint8, "h w 3") become cameras, all other boxes vectors: one slot per number, "name_0", "name_1", ...
Does not know: units and meanings, which Gymnasium does not tell; who knows them passes slots.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wam.world import ActionSpec, Camera, EnvSpec, ObservationSpec, Slot, SpecError

RENDERED = "render"  # the camera of environments that draw but do not observe pictures


@dataclass(frozen=True)
class Parts:
    """How an observation comes apart."""

    pictures: tuple[str, ...]  # observed
    vectors: tuple[tuple[str, int], ...]  # name and how many numbers, in the order of the slots
    draws: bool  # its picture is what it renders

    @staticmethod
    def of(env: Any) -> "Parts":
        """What an environment observes."""
        spaces = boxes(env.observation_space)
        pictures = tuple(name for name, space in spaces.items() if is_picture(space))
        vectors = tuple((name, int(np.prod(space.shape))) for name, space in spaces.items() if not is_picture(space))
        return Parts(pictures=pictures, vectors=vectors, draws=not pictures and env.render_mode == "rgb_array")


def spec_of(env: Any, *, name: str, rate: float | None, budget: int | None, acts: Sequence[Slot], proprio: Sequence[Slot]) -> EnvSpec:
    """The spec. SpecError where an environment does not say enough, or what is said does not fit it."""
    name = name or (env.spec.id if env.spec is not None else type(env.unwrapped).__name__)
    rate = rate or env.metadata.get("render_fps")
    budget = budget or (env.spec.max_episode_steps if env.spec is not None else None)
    if not rate or not budget:
        raise SpecError(f"{name} does not say its {'rate' if not rate else 'budget'}: pass {'rate=, in Hz' if not rate else 'budget=, in steps'}.")
    box = env.action_space
    if not isinstance(box, gymnasium_().spaces.Box) or len(box.shape) != 1:
        raise SpecError(f"{name} takes actions {box}; only a flat Box of continuous actions can become low-level actions.")
    slots = tuple(acts) or tuple(
        Slot(name=f"action_{i}", low=float(low), high=float(high)) for i, (low, high) in enumerate(zip(box.low, box.high, strict=True))
    )
    parts, spaces = Parts.of(env), boxes(env.observation_space)
    felt = tuple(proprio) or tuple(Slot(name=f"{key}_{i}") for key, count in parts.vectors for i in range(count))
    width = sum(count for _, count in parts.vectors)
    if len(felt) != width or len(slots) != box.shape[0]:
        names = [key for key, _ in parts.vectors]
        raise SpecError(f"{name} has {box.shape[0]} actions and {width} numbers in {names}; {len(slots)} and {len(felt)} slots describe them.")
    cameras = {key: Camera(height=spaces[key].shape[0], width=spaces[key].shape[1]) for key in parts.pictures}
    if parts.draws:
        env.reset(seed=0)
        height, across, _ = env.render().shape
        cameras[RENDERED] = Camera(height=height, width=across)
    observes = ObservationSpec(cameras=cameras, proprio=felt)
    return EnvSpec(name=name, observes=observes, acts=ActionSpec(low_level=slots), rate=float(rate), budget=int(budget))


def boxes(space: Any) -> dict[str, Any]:
    """The parts of an observation space by name; a space without parts is "observation"."""
    parts = dict(space.spaces) if isinstance(space, gymnasium_().spaces.Dict) else {"observation": space}
    if nested := sorted(name for name, part in parts.items() if part.shape is None):
        remedy = "Wrap the environment in gymnasium.wrappers.FlattenObservation"
        raise SpecError(f"{nested} are spaces within a space ({space}); a Box or a flat Dict of boxes can be observed. {remedy}.")
    return parts


def is_picture(space: Any) -> bool:
    """uint8 "h w 3"."""
    return space.dtype == np.uint8 and len(space.shape) == 3 and space.shape[2] == 3


def gymnasium_() -> Any:
    """The package; ImportError that names the extra."""
    try:
        import gymnasium
    except ImportError as error:
        raise ImportError('Gymnasium is not installed; it belongs to the extra "gym": pip install "wam[gym]".') from error
    return gymnasium
