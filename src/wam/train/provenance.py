"""What weights are worth nothing without: the spec, the statistics, the recipe with its configuration, and the sources.

A checkpoint may name a recipe inside `wam.recipes` and nothing else; this room stores the name and never imports it.
A user's own class is passed in by the caller who loads the checkpoint.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wam.evaluate import source_hash
from wam.world import PolicySpec, SpecError, Statistics, WorldModelSpec

RECIPE = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where weights come from and what they may be used with."""

    spec: WorldModelSpec | PolicySpec
    statistics: Statistics  # a model without low-level actions and proprioception: Statistics(acts=spec.consumes)
    recipe: str = ""  # module name inside wam.recipes; "" = the caller's own model
    preset: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)  # resolved, JSON-ready
    defaults: Mapping[str, Any] = field(default_factory=dict, compare=False)  # of fields of the configuration that an older run may not know yet; not stored
    source: str = field(default_factory=source_hash)

    def __post_init__(self) -> None:
        if self.recipe and not RECIPE.fullmatch(self.recipe):
            raise ValueError(
                f"recipe {self.recipe!r} is no module name inside wam.recipes (lower case, digits, '_'). "
                "A model of your own has recipe = ''; whoever loads the checkpoint passes the model in."
            )
        acts = self.spec.consumes if isinstance(self.spec, WorldModelSpec) else self.spec.acts
        try:
            self.statistics.require(acts, self.spec.observes.proprio or self.statistics.proprio_slots)
        except SpecError as error:
            raise SpecError(f"the statistics do not belong to the model's spec: {error}") from error
