"""Which key of a message is which input of the policy, and how a message becomes an observation.

A message is a dict by nature: it is read here, checked value by value, and is a record from here on.
On the wire pictures are uint8, channels last, (h, w, 3) or, for several instants, (T, h, w, 3); readings are numbers (n,) or (T, n)
in the spec's units; what lies beyond its limits by more than they span is in another one. Nothing is resized: a network that was
trained at another size would see something it does not know.
Goal pictures and readings, for policies that need them, come with "goal/" before their key, as many of them as there are.

Knows: keys, shapes, types.   Does not know: connections, memories.   Cannot carry: depth, points, camera poses, states.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from wam.world import Observation, PolicySpec, Slot, Spec, SpecError, to_uint8
from wam.world.slots import in_another_unit
from wam.world.specs import ObservationSpec

GOAL = "goal/"
SPOKEN = ("reset", "executed", "executed_valid", "noise", "sequence")  # keys of a message that are the same for all policies


class RequestError(ValueError):
    """A message that the policy cannot be asked with."""


@dataclass(frozen=True, kw_only=True)
class Keys(Spec):
    """The table. What a message holds beside it is not looked at."""

    cameras: dict[str, str] = field(default_factory=dict)  # key -> the spec's camera
    proprio: dict[str, int] = field(default_factory=dict)  # key -> how many of the spec's slots, in their order
    prompt: str = "prompt"

    @staticmethod
    def of(spec: ObservationSpec) -> "Keys":
        """openpi's habit: the first camera is "observation/image", another one "observation/NAME_image", readings are "observation/state"."""
        names = list(spec.cameras)
        cameras = {"observation/image" if name == names[0] else f"observation/{name}_image": name for name in names}
        return Keys(cameras=cameras, proprio={"observation/state": len(spec.proprio)} if spec.proprio else {})

    def require_fit(self, spec: PolicySpec) -> None:
        """SpecError where the policy cannot be served by this table, with every reason."""
        seen, found = spec.observes, list[str]()
        if not spec.acts.low_level_alone:
            found.append("it does not act with low-level actions alone, a robot's client takes only those.")
        if seen.points or seen.state is not None or any(camera.depth or camera.pose for camera in seen.cameras.values()):
            found.append("it sees depth, points, camera poses or states, which this wire format does not carry.")
        if sorted(self.cameras.values()) != sorted(seen.cameras):
            found.append(f"the table has the cameras {sorted(self.cameras.values())}, the policy sees {sorted(seen.cameras)}.")
        if sum(self.proprio.values()) != len(seen.proprio):
            found.append(f"the table has {sum(self.proprio.values())} readings, the policy sees {len(seen.proprio)}.")
        if not self.cameras and not self.proprio:
            found.append("it sees nothing.")
        if empty := [key for key, count in self.proprio.items() if count < 1]:
            found.append(f"the keys {empty} of the table hold no reading: give each at least 1, or leave it out.")
        names = [*self.cameras, *self.proprio, *([self.prompt] if spec.instructed else []), *SPOKEN]
        if twice := sorted({key for key in names if names.count(key) > 1 or key.startswith(GOAL)}):
            found.append(f"the table's keys {twice} mean something else in a message as well: name each once, without {GOAL!r} before it, and not {SPOKEN}.")
        if found:
            raise SpecError("this policy cannot be served: " + " ".join(found))

    def asks(self, message: Mapping[str, object]) -> bool:
        """Does the message show anything?"""
        return any(key in message for key in (*self.cameras, *self.proprio))

    def observation(self, message: Mapping[str, object], spec: ObservationSpec, *, most: int, prefix: str = "") -> Observation:
        """What the message shows, "1 T ...", at most `most` instants. RequestError that says what came and what was expected."""
        rgb = {}
        for key, name in self.cameras.items():
            camera = spec.cameras[name]
            frames = _timed(_picture(_array(message, prefix + key), prefix + key, camera.height, camera.width), 3)
            rgb[name] = torch.tensor(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))[None]
        slots = iter(spec.proprio)
        meant = {prefix + key: [next(slots) for _ in range(count)] for key, count in self.proprio.items()}
        readings = [torch.tensor(_timed(_reading(_array(message, key), key, of), 1)) for key, of in meant.items()]
        lengths = {prefix + key: part.shape[1] for key, part in zip(self.cameras, rgb.values(), strict=True)}
        lengths |= {prefix + key: len(part) for key, part in zip(self.proprio, readings, strict=True)}
        if len(set(lengths.values())) != 1:
            raise RequestError(f"the inputs have unequal numbers of instants: {lengths}. Send all of them at the same instants.")
        if not 1 <= next(iter(lengths.values())) <= most:
            raise RequestError(f"the inputs have {next(iter(lengths.values()))} instants, expected 1 to {most}. Send what was seen since the last message.")
        return Observation(rgb=rgb or None, proprio=torch.cat(readings, 1)[None] if readings else None)

    def goal(self, message: Mapping[str, object], spec: ObservationSpec) -> Observation | None:
        """The goal that the message shows, one instant; None where it shows none."""
        if not any(key.startswith(GOAL) for key in message if isinstance(key, str)):
            return None
        shown = Keys(
            cameras={key: name for key, name in self.cameras.items() if GOAL + key in message},
            proprio=self.proprio if all(GOAL + key in message for key in self.proprio) else {},
        )
        if not shown.cameras and not shown.proprio:
            raise RequestError(f"the goal has none of the inputs {[GOAL + key for key in (*self.cameras, *self.proprio)]}.")
        return shown.observation(message, spec, most=1, prefix=GOAL)

    def instruction(self, message: Mapping[str, object], spec: PolicySpec) -> int | None:
        """The prompt's id in the spec's table, -1 for an empty one, None where the policy reads none. RequestError for an unknown one."""
        if not spec.instructed:
            return None
        prompt = message.get(self.prompt)
        if not isinstance(prompt, str):
            raise RequestError(f"the message has {prompt!r} under {self.prompt!r}, expected one of the policy's instructions, e.g. {spec.sentences[0]!r}.")
        if not prompt.strip():
            return -1
        if prompt.strip() not in spec.sentences:
            near = difflib.get_close_matches(prompt, spec.sentences, 3) or list(spec.sentences[:3])
            raise RequestError(
                f"the prompt {prompt!r} is none of the {len(spec.sentences)} instructions that the policy knows. Near ones: {near}; the metadata lists all."
            )
        return spec.sentences.index(prompt.strip())

    def told(self, observation: Observation, *, prefix: str = "") -> dict[str, object]:
        """The opposite way, for one row "1 T ...": T instants under the keys of the table; what is absent is left out."""
        message: dict[str, object] = {}
        for key, name in ((key, name) for key, name in self.cameras.items() if name in (observation.rgb or {})):
            assert observation.rgb is not None
            message[prefix + key] = np.ascontiguousarray(to_uint8(observation.rgb[name][0]).permute(0, 2, 3, 1).cpu().numpy())
        start = 0
        for key, count in self.proprio.items() if observation.proprio is not None else ():
            assert observation.proprio is not None
            message[prefix + key] = np.ascontiguousarray(observation.proprio[0, :, start : start + count].float().cpu().numpy())
            start += count
        return message

    def inputs(self, spec: ObservationSpec) -> dict[str, dict[str, object]]:
        """What each key takes, for the metadata message."""
        found: dict[str, dict[str, object]] = {}
        for key, name in self.cameras.items():
            camera = spec.cameras[name]
            found[key] = {"shape": [camera.height, camera.width, 3], "dtype": "uint8", "camera": name}
        slots = iter(spec.proprio)
        for key, count in self.proprio.items():
            found[key] = {"shape": [count], "dtype": "float32", "slots": [next(slots).to_dict() for _ in range(count)]}
        return found


def _array(message: Mapping[str, object], key: str) -> np.ndarray:
    value = message.get(key)
    if value is None:
        raise RequestError(f"the message has no {key!r}, only {sorted(map(str, message))[:12]}. The metadata lists the inputs.")
    if not isinstance(value, np.ndarray):
        raise RequestError(f"{key!r} is a {type(value).__name__}, expected a NumPy array.")
    return value


def _picture(value: np.ndarray, key: str, height: int, width: int) -> np.ndarray:
    if value.dtype != np.uint8:
        raise RequestError(f"{key!r} has the type {value.dtype}, expected uint8 0..255. Multiply a picture of 0..1 by 255 and round it.")
    if value.ndim in (3, 4) and value.shape[-3:] == (3, height, width):
        raise RequestError(f"{key!r} has the shape {value.shape}, channels first; expected channels last, ({height}, {width}, 3). Transpose it.")
    if value.ndim not in (3, 4) or value.shape[-3:] != (height, width, 3):
        raise RequestError(f"{key!r} has the shape {value.shape}, expected ({height}, {width}, 3). The server does not resize: do it before sending.")
    return value


def _reading(value: np.ndarray, key: str, slots: list[Slot]) -> np.ndarray:
    if value.dtype.kind not in "iuf":
        raise RequestError(f"{key!r} has the type {value.dtype}, expected numbers.")
    if value.ndim not in (1, 2) or value.shape[-1] != len(slots):
        raise RequestError(f"{key!r} has the shape {value.shape}, expected ({len(slots)},), or (T, {len(slots)}) for T instants.")
    numbers = finite(value, key)
    for index, slot in enumerate(slots):
        require_unit(numbers[..., index].ravel().astype(np.float64), key, slot)
    return numbers


def require_unit(numbers: np.ndarray, key: str, slot: Slot) -> None:
    """RequestError for what lies beyond the slot's limits by more than they span; a real robot may go a little beyond."""
    if told := in_another_unit(slot, torch.from_numpy(numbers)):
        raise RequestError(f"{key!r} has {told}: convert it before sending.")


def finite(value: np.ndarray, key: str) -> np.ndarray:
    """As float32; RequestError where a number is not finite."""
    with np.errstate(over="ignore"):
        numbers = value.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise RequestError(f"{key!r} has numbers that are not finite. A sensor that failed is the usual cause; the policy was not asked.")
    return numbers


def _timed(value: np.ndarray, rank: int) -> np.ndarray:
    """With its time axis."""
    return value if value.ndim == rank + 1 else value[None]
