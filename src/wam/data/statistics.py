"""Mean, spread, range and quantiles of what was recorded.

`compute_statistics` gives `world.Statistics`, which are bound to the representation that they describe: numbers without
their meaning (relative or absolute, unit, rate) are the most frequent silent bug of the field. `summary` and `pool` make
what the LeRobot format keeps per episode and per data set.
Does not know: how a model normalises.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wam.data.errors import DataError
from wam.data.frames import Frames
from wam.data.meaning import DataSpec
from wam.world.spec import SpecError
from wam.world.statistics import Moments, Statistics

QUANTILES = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}


def compute_statistics(frames: Frames, spec: DataSpec | None = None) -> Statistics:
    """Over the chosen episodes of `frames` alone, so held-out ones stay unseen; actions where valid and labelled.

    `spec` is what models will see where that differs in R: `WindowDataset.spec`. DataError for values that are not finite.
    """
    spec = spec or frames.spec
    rows = frames.rows()
    actions, proprio = frames.fields.get("actions.low_level"), frames.fields.get("observation.proprio")
    valid = frames.fields["actions.valid"][rows] & frames.labelled()[rows][:, None]
    for name, values in (("action", None if actions is None else actions[rows][valid]), ("proprioception", None if proprio is None else proprio[rows])):
        if values is not None and not np.isfinite(values).all():
            count = int((~np.isfinite(values)).sum())
            cause = "a sensor or an inverse-kinematics step failed while recording."
            raise DataError(
                f"{name} holds {count} values that are NaN or infinite.",
                cause=cause,
                remedy="`wam data check SET` names the episodes: record them again, or learn from the others (episodes=[...] of train_recipe in Python).",
            )
    return Statistics(
        acts=spec.acts,
        proprio_slots=spec.observes.proprio if proprio is not None else (),
        action=moments(actions[rows][valid]) if actions is not None and valid.any() else None,
        proprio=moments(proprio[rows]) if proprio is not None else None,
    )


def require_statistics(statistics: Statistics | None, who: str) -> Statistics:
    """The statistics, or an error that says how to make them."""
    if statistics is None:
        raise SpecError(f"{who}: there are no statistics, and guessing them would silently scale actions wrongly. Pass compute_statistics(frames).")
    return statistics


def moments(values: NDArray[Any]) -> Moments:
    """Of "n D" samples."""
    table = {name: tuple(float(x) for x in row) for name, row in summary(values).items()}
    return Moments(
        count=len(values),
        mean=table["mean"],
        std=table["std"],
        low=table["min"],
        high=table["max"],
        q01=table["q01"],
        q99=table["q99"],
    )


def summary(values: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    """Everything the format keeps, over axis 0, in float64; shape of a row (at least one axis)."""
    rows = values.reshape(len(values), -1).astype(np.float64) if values.ndim < 2 else values.astype(np.float64)
    quantiles = np.quantile(rows, list(QUANTILES.values()), axis=0)
    return {
        "min": rows.min(0),
        "max": rows.max(0),
        "mean": rows.mean(0),
        "std": rows.std(0),
        "count": np.array([len(rows)], np.float64),
        **dict(zip(QUANTILES, quantiles, strict=True)),
    }


def picture_summary(frames: NDArray[Any], most: int = 16) -> dict[str, NDArray[np.float64]]:
    """Per channel "c 1 1" over at most `most` evenly spaced frames "n c h w", scaled to 0..1 as the format has it."""
    chosen = frames[np.unique(np.linspace(0, len(frames) - 1, most).round().astype(int))]
    pixels = np.moveaxis(chosen, 1, -1).reshape(-1, frames.shape[1]) / np.iinfo(frames.dtype).max
    table = summary(pixels)
    return {name: values if name == "count" else values[:, None, None] for name, values in table.items()} | {"count": np.array([float(len(chosen))])}


def pool(parts: Sequence[dict[str, NDArray[np.float64]]]) -> dict[str, NDArray[np.float64]]:
    """Summaries of several episodes as one: exact but for quantiles, which are averaged by count."""
    counts = np.array([part["count"][0] for part in parts])
    weights = counts / counts.sum()

    def mix(values: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        return np.tensordot(weights, np.stack(values), 1)

    mean = mix([part["mean"] for part in parts])
    variance = mix([part["std"] ** 2 + (part["mean"] - mean) ** 2 for part in parts])
    return {
        "min": np.min([part["min"] for part in parts], 0),
        "max": np.max([part["max"] for part in parts], 0),
        "mean": mean,
        "std": np.sqrt(variance),
        "count": np.array([counts.sum()]),
        **{name: mix([part[name] for part in parts]) for name in QUANTILES},
    }
