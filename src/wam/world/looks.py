"""What a model's future looks like: the pictures that it predicts, or those that it decodes its states into."""

from typing import Any

from jaxtyping import Shaped
from torch import Tensor

from wam.world.protocols import Decodes, WorldModel
from wam.world.records import Future


def cameras_shown(model: WorldModel[Any]) -> tuple[str, ...]:
    """Names of the cameras that it predicts, or, where it decodes states, of those that it sees. () = nothing of it can be seen."""
    spec = model.spec
    predicted = spec.predicts.observation.cameras if spec.predicts.observation is not None else {}
    decodes = spec.predicts.state is not None and isinstance(model, Decodes)
    return tuple(predicted or (spec.observes.cameras if decodes else {}))


def pictures_of(model: WorldModel[Any], future: Future) -> dict[str, Shaped[Tensor, "B H 3 h w"]] | None:
    """Camera by camera; None where nothing can be seen."""
    shown = future.observation
    if (shown is None or shown.rgb is None) and isinstance(model, Decodes) and future.state is not None:
        shown = model.decode(future.state)
    return None if shown is None else shown.rgb
