"""How generative models and policies are usually trained: AdamW with short warm-up, a cosine to almost nothing, averaged weights.

And what most of them see of a data set. What recipes share; each says its own losses, steps and rates.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from wam.data import DataSpec
from wam.train import Gradient
from wam.world import ObservationSpec, SpecError, Statistics


def usual(
    weights: Mapping[str, float],
    *,
    steps: int,
    batch: int,
    learning_rate: float,
    horizon: int,
    past: int = 1,
    warmup: int = 50,
    edges: bool = True,
    precision: Literal["fp32", "bf16"] = "fp32",
    unlabelled: bool = False,
    labelled: float = 0.0,
) -> Gradient:
    """The arguments are those of `Gradient`. `edges`: also windows that overhang an episode's ends, since decisions are made there too."""
    return Gradient(
        weights=weights,
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        final_learning_rate=0.03,
        warmup=warmup,
        weight_decay=1e-3,
        betas=(0.9, 0.95),
        average=0.995,
        precision=precision,
        past=past,
        horizon=horizon,
        edges=edges,
        unlabelled=unlabelled,
        labelled=labelled,
    )


def cameras_only(data: DataSpec, statistics: Statistics) -> tuple[ObservationSpec, Statistics]:
    """Cameras, whatever else the data has, and the statistics that go with them."""
    return replace(data.observes, proprio=(), points=0, state=None), statistics.for_proprio(())


def require_instructions(data: DataSpec, recipe: str) -> None:
    """SpecError for data without instructions."""
    if not data.sentences:
        raise SpecError(
            f"{recipe} looks ahead to what an instruction asks for, and this data has no instructions. Record or convert demonstrations with a task text."
        )
