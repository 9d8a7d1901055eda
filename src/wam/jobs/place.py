"""Where runs act: a world of the library by name, its options, and the device that it computes on.

Knows: worlds by module name, the clock and the picture size that a run wants.   Does not know: who acts, what is measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import ModuleType

from wam.jobs.practise import as_shown, described
from wam.jobs.record import load_world
from wam.recipes.recipe import Preset
from wam.recipes.runs import Run
from wam.world import Env, SpecError

BATCH = 50  # starts tried together


@dataclass(frozen=True)
class Place:
    """See the module's docstring. ValueError for a world that there is not."""

    world: str
    options: Mapping[str, object] = field(default_factory=dict)
    device: str = "cpu"

    def __post_init__(self) -> None:
        load_world(self.world)  # a wrong name has a better error than what would follow

    def __str__(self) -> str:
        return described(self.world, self.options)

    @property
    def module(self) -> ModuleType:
        """The world's module: `make`, `POLICIES`, `OPTIONS`."""
        return load_world(self.world)

    def make(self, rows: int) -> Env:
        """The world at its own clock."""
        env: Env = self.module.make(rows, device=self.device, **self.options)
        return env

    def shown(self, rows: int, preset: Preset) -> Env:
        """The same as a preset wants to see it (`practise.as_shown`)."""
        return as_shown(self.make(rows), preset, self.device)

    def sized_for(self, run: Run) -> "Place":
        """With pictures of the size that the run's model was trained on, where the world has sizes. SpecError where others are asked for."""
        heights = {camera.height for camera in run.model.spec.observes.cameras.values()}
        return self.of_size(heights.pop()) if len(heights) == 1 else self

    def of_size(self, size: int) -> "Place":
        """The same for pictures of `size` px."""
        if not any(option.name == "size" for option in fields(self.module.OPTIONS)):
            return self
        if self.options.get("size", size) != size:
            raise SpecError(f"the model was trained on pictures of {size} px, the option size={self.options['size']} asks for others: leave it out.")
        return replace(self, options={**self.options, "size": size})
