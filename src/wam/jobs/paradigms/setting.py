"""The setting: what is asked on the command line, the world in its three splits, and the demonstrations, recorded once.

Does not know: models.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wam.jobs.record import held, load_world, record_world
from wam.world import Env

WORLD = "push"
OPTIONS = MappingProxyType({"task": "instruction", "objects": 2, "zones": 2, "colours": ("red", "blue", "yellow", "cyan"), "size": 32})
SPLITS = MappingProxyType({"in distribution": "train", "new appearance": "background", "held-out pairs": "colour_goal"})  # name -> option of the world
FIRST = "in distribution"
POLICIES = MappingProxyType({"expert": 0.7, "noisy_expert": 0.3})
BATCH = 50  # starts tried together
PLANNED = 20  # starts over which plans are compared with what happens: the first ones, not chosen

Progress = Callable[[int, int], None]  # (done, all)
Task = Callable[[str], Progress]  # name -> a new line of progress


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of one experiment."""

    seeds: int = 3  # trainings of each arm
    labels: tuple[float, ...] = (0.05, 0.2, 1.0)  # shares of the episodes whose actions are shown
    arms: tuple[str, ...] = ()  # by name; () = all
    goals: int = 100  # held-out starts of each split
    steps: int | None = None  # of every training stage, instead of the preset's
    episodes: int = 2000  # recorded
    budget: int = 42  # steps of an episode
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.goals < 1 or not self.labels or not all(0 < share <= 1 for share in self.labels):
            raise ValueError(
                f"asked for {self.seeds} seeds, {self.goals} goals and label shares {self.labels}: expected at least one of each, shares in (0, 1]."
            )
        if len(set(self.labels)) < len(self.labels):
            raise ValueError(f"label shares {self.labels} are repeated: name each once.")


def world_of(asked: Asked, split: str, rows: int) -> Any:
    """`rows` worlds of a split, at their own clock."""
    return load_world(WORLD).make(rows, device=asked.device, **OPTIONS, budget=asked.budget, split=SPLITS[split])


def policy_of_world(name: str, world: Env) -> Any:
    """A reference policy, which may read the world."""
    return load_world(WORLD).POLICIES[name](world)


def demonstrations(folder: Path, asked: Asked, task: Task) -> Path:
    """The training episodes of split "train"; recorded where they are missing, and to their end where that was stopped. ValueError where there are more."""
    if (there := held(folder)) > asked.episodes:
        raise ValueError(f"{folder} holds {there} demonstrations, {asked.episodes} were asked for. Name another folder for this experiment.")
    if there < asked.episodes:
        options = {**OPTIONS, "budget": asked.budget}
        record_world(
            WORLD,
            folder,
            episodes=asked.episodes,
            policies=dict(POLICIES),
            options=options,
            resume=folder.exists(),
            device=asked.device,
            progress=task("demonstrations"),
        )
    return folder
