"""What a recording refuses beside what its spec says: numbers that could be stored, and would be wrong when they are read.

Does not know: files, episodes that were recorded before.
"""

import torch

from wam.data.episode import Episode
from wam.data.meaning import DataSpec
from wam.world.record import Record
from wam.world.records import Actions, Observation
from wam.world.slots import in_another_unit

MILLIMETRES, IDS = 65535, 65534  # most of a depth, and of a segmentation's ids, that 16 bits hold on disk


def misfits(spec: DataSpec, observation: Observation, actions: Actions) -> list[str]:
    """One sentence for each; empty where all fits."""
    if found := [*not_tensors("observation", observation), *not_tensors("actions", actions)]:
        return found
    acted = spec.acts.problems(actions)
    found = spec.observes.problems(observation) + acted
    for name, frames in (observation.rgb or {}).items():
        if name not in spec.observes.cameras:
            found.append(f"camera {name!r} is not in the spec, which has {sorted(spec.observes.cameras)}: its pictures would be lost.")
        elif frames.is_floating_point() and not bool(((frames >= 0) & (frames <= 1)).all()):
            low, high = float(frames.min()), float(frames.max())
            found.append(f"camera {name!r} spans {low:.4g} .. {high:.4g}: pictures are uint8 from 0 to 255, or floats from 0 to 1.")
    for name, maps in (observation.depth or {}).items():
        if not bool((((maps * 1000).round() >= 0) & ((maps * 1000).round() <= MILLIMETRES)).all()):
            low, high = float(maps.min()), float(maps.max())
            found.append(f"depth {name!r} spans {low:.4g} .. {high:.4g} m: it is kept from 0 (nothing was measured) to {MILLIMETRES / 1000} m.")
    if not acted and actions.low_level is not None and not bool(actions.low_level[actions.known()].isfinite().all()):
        found.append("an action that was executed holds values that are not finite.")
    if observation.proprio is not None and not bool(observation.proprio.isfinite().all()):
        odd = [slot.name for slot, column in zip(spec.observes.proprio, observation.proprio.unbind(-1), strict=False) if not bool(column.isfinite().all())]
        found.append(f"proprioception {odd} holds values that are not numbers.")
    elif observation.proprio is not None:
        columns = zip(spec.observes.proprio, observation.proprio.unbind(-1), strict=False)
        told = [text for slot, column in columns if (text := in_another_unit(slot, column.double().flatten()))]
        found += [f"proprioception has {text}: convert it, or correct the limits in the spec." for text in told]
    return found


def not_tensors(name: str, value: object) -> list[str]:
    """Fields of a record, however deep, that are arrays of another library."""
    if isinstance(value, Record):
        return [text for field, part in vars(value).items() for text in not_tensors(f"{name}.{field}", part)]
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in not_tensors(f"{name}[{key!r}]", item)]
    if value is None or isinstance(value, (torch.Tensor, str, tuple)):
        return []
    return [f"{name} is a {type(value).__module__}.{type(value).__name__}, expected a torch tensor: use torch.from_numpy."]


def episode_misfits(episode: Episode) -> list[str]:
    """The same of what is known of a whole episode alone."""
    found = []
    if episode.reward is not None and not bool(episode.reward[:, 1:].isfinite().all()):  # to the first frame no step led
        found.append("rewards hold values that are not finite.")
    for name, ids in ((episode.truth.segmentation if episode.truth else None) or {}).items():
        low, high = int(ids.min()), int(ids.max())
        if low < -1 or high > IDS:
            found.append(f"segmentation {name!r} has ids {low} .. {high}: they are kept from -1 (nothing) to {IDS}. Number the things that are in the scene.")
    return found
