"""What a recording refuses beside what its spec says: numbers that could be stored, and would be wrong when they are read.

Does not know: files, episodes that were recorded before.
"""

from wam.data.meaning import DataSpec
from wam.world.records import Actions, Observation


def misfits(spec: DataSpec, observation: Observation, actions: Actions) -> list[str]:
    """One sentence for each; empty where all fits."""
    found = spec.observes.problems(observation) + spec.acts.problems(actions)
    for name, frames in (observation.rgb or {}).items():
        if name not in spec.observes.cameras:
            found.append(f"camera {name!r} is not in the spec, which has {sorted(spec.observes.cameras)}: its pictures would be lost.")
        elif frames.is_floating_point() and not bool(((frames >= 0) & (frames <= 1)).all()):
            low, high = float(frames.min()), float(frames.max())
            found.append(f"camera {name!r} spans {low:.4g} .. {high:.4g}: pictures are uint8 from 0 to 255, or floats from 0 to 1.")
    if observation.proprio is not None and not bool(observation.proprio.isfinite().all()):
        odd = [slot.name for slot, column in zip(spec.observes.proprio, observation.proprio.unbind(-1), strict=False) if not bool(column.isfinite().all())]
        found.append(f"proprioception {odd} holds values that are not numbers.")
    return found
