"""A world that shows its goal beside each frame, for models that read observations only.

Camera "top" is joined by "goal_top", slot "x" by "goal x": what the task's goal shows, the same at every step of an episode.
Knows: goals that are observations.   Does not know: instructions, goal states.
"""

from dataclasses import dataclass, replace
from typing import Any

from jaxtyping import Bool, Int
from torch import Tensor, cat

from wam.world import Actions, Env, EnvSpec, Observation, ObservationSpec, Outcome, SpecError, Task, Truth


@dataclass(frozen=True)
class Snapshot:
    """Of the world, and what it wanted."""

    world: Any
    goal: Observation


class GoalSeen:
    """`Env` around another. SpecError at the first reset where the task has no goal, or one that shows less than a frame."""

    def __init__(self, env: Env) -> None:
        self.env = env
        self._goal: Observation | None = None
        self._spec = replace(env.spec, observes=with_goal(env.spec))

    @property
    def spec(self) -> EnvSpec:
        """The world's, with the goal beside what it shows."""
        return self._spec

    @property
    def batch(self) -> int:
        """Rows of the world."""
        return self.env.batch

    def reset(self, mask: Bool[Tensor, "B"], seeds: Int[Tensor, "B"]) -> tuple[Observation, Task]:
        """Restart the masked rows."""
        observation, task = self.env.reset(mask, seeds)
        if task.goal is None:
            raise SpecError(f"the world {self.spec.name!r} states no goal image, so none can be shown. Choose a task with a goal, or a preset that needs none.")
        self._goal = self.env.spec.observes.require(task.goal, f"the goal of {self.spec.name!r}").narrow("T", -1)
        return self._beside(observation), task

    def step(self, actions: Actions) -> Outcome:
        """T steps."""
        outcome = self.env.step(actions)
        return replace(outcome, observation=self._beside(outcome.observation))

    def truth(self) -> Truth:
        """Of the world."""
        return self.env.truth()

    def save(self) -> Snapshot:
        """The world's, with its goals."""
        return Snapshot(self.env.save(), self._shown())

    def restore(self, snapshot: Snapshot) -> None:
        """Back to it."""
        self.env.restore(snapshot.world)
        self._goal = snapshot.goal

    def _shown(self) -> Observation:
        if self._goal is None:
            raise RuntimeError("nothing is shown before the first reset.")
        return self._goal

    def _beside(self, observation: Observation) -> Observation:
        """Frames "B T" with the goal repeated T times."""
        goal = self._shown()
        steps = observation.size("T")
        repeated = goal.map(lambda axes, leaf: leaf.expand(-1, steps, *leaf.shape[2:]) if "T" in axes else leaf)
        rgb = {**(observation.rgb or {}), **{goal_name(name): shown for name, shown in (repeated.rgb or {}).items() if name in self.env.spec.observes.cameras}}
        felt = observation.proprio
        return replace(
            observation,
            rgb=rgb or None,
            proprio=None if felt is None or repeated.proprio is None else cat([felt, repeated.proprio], -1),
        )


def with_goal(spec: EnvSpec) -> ObservationSpec:
    """What is shown then."""
    seen = spec.observes
    cameras = {**seen.cameras, **{goal_name(name): replace(camera, depth=False, pose=False) for name, camera in seen.cameras.items()}}
    return replace(seen, cameras=cameras, proprio=(*seen.proprio, *(replace(slot, name=f"goal {slot.name}") for slot in seen.proprio)))


def goal_name(camera: str) -> str:
    """Of the camera that shows the goal; only letters, digits, - and _ travel into data sets."""
    return f"goal_{camera}"
