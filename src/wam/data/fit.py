"""What a recording refuses beside what its spec says: numbers that could be stored, and would be wrong when they are read.

Does not know: files, episodes that were recorded before.
"""

from wam.data.episode import Episode
from wam.data.meaning import DataSpec
from wam.world.records import Actions, Observation

MILLIMETRES, IDS = 65535, 65534  # most of a depth, and of a segmentation's ids, that 16 bits hold on disk


def misfits(spec: DataSpec, observation: Observation, actions: Actions) -> list[str]:
    """One sentence for each; empty where all fits."""
    found = spec.observes.problems(observation) + spec.acts.problems(actions)
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
    if actions.low_level is not None and actions.low_level.shape[:-1] == actions.valid.shape and not bool(actions.low_level[actions.known()].isfinite().all()):
        found.append("an action that was executed holds values that are not finite.")
    if observation.proprio is not None and not bool(observation.proprio.isfinite().all()):
        odd = [slot.name for slot, column in zip(spec.observes.proprio, observation.proprio.unbind(-1), strict=False) if not bool(column.isfinite().all())]
        found.append(f"proprioception {odd} holds values that are not numbers.")
    return found


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
