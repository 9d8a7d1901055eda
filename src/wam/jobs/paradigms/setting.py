"""What is asked on the command line, the world in its three splits, and the demonstrations, recorded once.

Does not know: models.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wam.jobs.paradigms.arms import CLONING
from wam.jobs.paradigms.worlds import Setting, setting_of
from wam.jobs.record import held, load_world, record_world
from wam.recipes.recipe import load_recipe
from wam.world import Env

POLICIES = MappingProxyType({"expert": 0.7, "noisy_expert": 0.3})
PLANNED = 20  # starts over which plans are compared with what happens: the first ones, not chosen

Progress = Callable[[int, int], None]  # (done, all)
Task = Callable[[str], Progress]  # name -> a new line of progress


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of one experiment."""

    world: str = "push"  # of worlds.SETTINGS
    preset: str = "tiny"  # of every recipe
    seeds: int = 3  # trainings of each arm
    labels: tuple[float, ...] = (0.05, 0.2, 1.0)  # shares of the episodes whose actions are shown
    arms: tuple[str, ...] = ()  # by name; () = all
    goals: int = 100  # held-out starts of each split
    steps: int | None = None  # of every training stage, instead of the preset's
    episodes: int = 2000  # recorded
    budget: int | None = None  # steps of an episode; None = the setting's
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.goals < 1 or not self.labels or not all(0 < share <= 1 for share in self.labels):
            raise ValueError(
                f"asked for {self.seeds} seeds, {self.goals} goals and label shares {self.labels}: expected at least one of each, shares in (0, 1]."
            )
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(f"label shares {self.labels} are repeated: name each once.")
        setting_of(self.world)

    @property
    def setting(self) -> Setting:
        """The world as the experiment uses it."""
        return setting_of(self.world)

    @property
    def steps_of_episode(self) -> int:
        """The budget."""
        return self.setting.budget if self.budget is None else self.budget

    @property
    def options(self) -> Mapping[str, Any]:
        """Of the world, in every split: pictures are as large as cloning's preset sees them."""
        size = load_recipe(CLONING).preset(self.preset).size
        return {**self.setting.options, "size": size, "budget": self.steps_of_episode}


def world_of(asked: Asked, split: str, rows: int, *, labelled: bool = False) -> Any:
    """`rows` worlds of a split, at their own clock; `labelled`: truth says what each pixel shows."""
    options = {**asked.options, **(asked.setting.labelled if labelled else {})}
    return load_world(asked.world).make(rows, device=asked.device, **options, split=asked.setting.splits[split])


def policy_of_world(name: str, asked: Asked, world: Env) -> Any:
    """A reference policy, which may read the world."""
    return load_world(asked.world).POLICIES[name](world)


def demonstrations(folder: Path, asked: Asked, task: Task) -> Path:
    """The training episodes, of the first split; recorded where they are missing, and to their end where that was stopped. ValueError where there are more."""
    if (there := held(folder)) > asked.episodes:
        raise ValueError(f"{folder} holds {there} demonstrations, {asked.episodes} were asked for. Name another folder for this experiment.")
    if there < asked.episodes:
        record_world(
            asked.world,
            folder,
            episodes=asked.episodes,
            policies=dict(POLICIES),
            options=asked.options,
            resume=folder.exists(),
            device=asked.device,
            progress=task("demonstrations"),
        )
    return folder
