"""One arm of the experiment: a published recipe, or one change of it, and how it acts. Does not know: which there are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from wam.recipes.recipe import Preset

Acts = Literal["model", "oracle future", "zero future", "random", "expert"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One line of every table."""

    name: str
    paradigm: str  # how future and actions are coupled, in words
    recipe: str = ""  # "" = nothing is learned
    change: Callable[[Preset], Preset] | None = None  # of its preset
    trained_as: str = ""  # the arm whose training is used; "" = its own
    acts: Acts = "model"  # the trained model, its grounder with another future, or a policy of the world
    stride: int = 1  # model steps from one imagined frame to the next

    @property
    def run(self) -> str:
        """Name of the training."""
        return self.trained_as or self.name
