"""What needs no learning: futures that a world model has to beat.

copy        the last frame seen, repeated: nothing moves
mean        the mean picture of the training data
background  the median picture of the training data: nothing is there
Each answers with pictures of all cameras, "B H 3 h w", float 0..1. The best of the three is the bar.
"""

from dataclasses import dataclass

from jaxtyping import Float, Shaped
from torch import Tensor

from wam.world import to_float

Pictures = dict[str, Tensor]  # camera -> "B H 3 h w", float 0..1


@dataclass(frozen=True)
class Stills:
    """Mean and median pictures of a training set, per camera."""

    mean: dict[str, Float[Tensor, "3 h w"]]
    median: dict[str, Float[Tensor, "3 h w"]]


def fit_stills(rgb: dict[str, Shaped[Tensor, "B T 3 h w"]]) -> Stills:
    """From training frames. The lower median, so that a uint8 value stays one."""
    frames = {name: frames.flatten(0, 1) for name, frames in rgb.items()}
    return Stills(
        mean={name: to_float(leaf).mean(0) for name, leaf in frames.items()},
        median={name: to_float(leaf.median(0).values) for name, leaf in frames.items()},
    )


def baselines(last: dict[str, Shaped[Tensor, "B 3 h w"]], steps: int, stills: Stills | None = None) -> dict[str, Pictures]:
    """Name -> pictures. Without stills (nothing to fit them on) only "copy"."""
    copies = {name: to_float(frame)[:, None].expand(-1, steps, -1, -1, -1) for name, frame in last.items()}
    found = {"copy": copies}
    for arm, pictures in () if stills is None else (("mean", stills.mean), ("background", stills.median)):
        found[arm] = {name: pictures[name].to(copy).expand_as(copy) for name, copy in copies.items()}
    return found
