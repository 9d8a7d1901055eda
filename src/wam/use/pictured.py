"""A world model that predicts states and decodes them, as one that predicts pictures: for policies and judges that look.

`pictured(model)` gives a model whose future holds pictures and no state, so that an imagined world shows a real frame at its start
and decoded ones after it. A model that reads no instructions hands on those that policies read: `sentences`, of its starts.
Does not know: proprioception, which decoders do not show. Footgun: what the decoder leaves out, policies and judges cannot see.
"""

from dataclasses import replace
from typing import Any

from wam.world import (
    Actions,
    Future,
    Noise,
    Observation,
    Past,
    Record,
    SpecError,
    Task,
    WorldModel,
    WorldModelSpec,
    cameras_shown,
    pictures_of,
)


def pictured(model: WorldModel[Any], sentences: tuple[str, ...] = ()) -> "Pictured":
    """The model, showing pictures and no state. SpecError where it neither predicts pictures nor decodes states, or reads other sentences."""
    if model.spec.instructed and sentences and model.spec.sentences != sentences:
        raise SpecError(f"instruction ids mean {model.spec.sentences[:3]}... to the model and {sentences[:3]}... to its starts. Use one table.")
    if not cameras_shown(model):
        raise SpecError(
            f"{type(model).__name__} neither predicts pictures nor declares Decodes for the cameras that it observes, so nothing can be seen in its "
            "world. Use a model that predicts rgb, or that inherits wam.world.Decodes."
        )
    return Pictured(model, sentences)


class Pictured:
    """See the module's docstring. Make it with `pictured`."""

    def __init__(self, model: WorldModel[Any], sentences: tuple[str, ...]) -> None:
        self.model, spec = model, model.spec
        shows = spec.predicts.observation
        self.decodes = shows is None or not shows.cameras
        shown = replace(spec.observes, proprio=(), points=0, point_features=0, state=None) if self.decodes else shows
        predicts = replace(spec.predicts, observation=shown, state=None)
        self.spec: WorldModelSpec = replace(spec, predicts=predicts, sentences=spec.sentences if spec.instructed else sentences)

    def begin(self, batch: int, task: Task) -> Record:
        """As the model."""
        carry: Record = self.model.begin(batch, task)
        return carry

    def observe(self, carry: Record, since: Past, *, noise: Noise | None = None) -> Record:
        """As the model."""
        after: Record = self.model.observe(carry, since, noise=noise)
        return after

    def predict(self, carry: Record, actions: Actions, *, noise: Noise | None = None) -> tuple[Record, Future]:
        """As the model, its states decoded."""
        carry, future = self.model.predict(carry, actions, noise=noise)
        shown: Observation | None = future.observation
        if self.decodes:
            shown = Observation(rgb=pictures_of(self.model, future))
        return carry, replace(future, observation=shown, state=None)
