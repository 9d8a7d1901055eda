"""Policies of the `tabletop` world that need no learning: random motion, standing still, driving to the arm's place in the goal image.

They read nothing but proprioception. Anything that claims to have learned must beat them on the same starts.
"""

from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from wam.sim.worlds.tabletop.skill_policies import one_action
from wam.sim.worlds.tabletop.world import TabletopWorld
from wam.world import Actions, Noise, ObservationSpec, Past, PolicySpec, Record, SpecError, Task, record, require_noise

GAIN = 0.5  # of the way left, per step: the arm lags behind where it is sent, and more would swing


def feeling_spec(world: TabletopWorld) -> PolicySpec:
    """The spec of a policy that feels its own arm and sees nothing."""
    return PolicySpec(observes=ObservationSpec(proprio=world.spec.observes.proprio), acts=world.spec.acts, rate=world.spec.rate)


def felt(proprio: Float[Tensor, "B T P"]) -> Float[Tensor, "B 5"]:
    """Place (m) and turn (rad) of the tips and the gripper's opening, of the last frame: the last five slots."""
    return proprio[:, -1, -5:]


@record
class Drift(Record):
    """The last action, in standard units."""

    move: Float[Tensor, "B 5"]


class Wander:
    """Random actions: uniform and independent (`memory` = 0), or normal and correlated in time. Reads nothing."""

    def __init__(self, world: TabletopWorld, memory: float = 0.0) -> None:
        self.world = world
        self.spec = PolicySpec(observes=ObservationSpec(), acts=world.spec.acts, rate=world.spec.rate)
        self.memory = memory  # correlation from step to step, 0 to 1
        low, high = world.spec.acts.limits()
        self.middle, self.half = (low + high) / 2, (high - low) / 2

    def begin(self, batch: int, task: Task) -> Drift:
        """A fresh memory."""
        return Drift(move=torch.zeros(batch, 5))

    def act(self, memory: Drift, since: Past, *, noise: Noise | None = None) -> tuple[Drift, Actions]:
        """One move per row."""
        noise = require_noise(noise, "Wander")
        if self.memory == 0:
            move = 2 * noise.uniform(1, 5)[:, 0] - 1
        else:
            move = self.memory * memory.move + (1 - self.memory**2) ** 0.5 * 0.6 * noise.normal(1, 5)[:, 0]
        return Drift(move=move), one_action(self.world, self.middle + self.half * move.clamp(-1, 1))


@record
class Aim(Record):
    """Where the arm shall be, and how far the gripper shall be open."""

    pose: Float[Tensor, "B 5"]  # m, rad, 0..1


class Stay:
    """Does nothing. Where the goal image shows the arm at its start, this is what the arm's own picture asks for."""

    def __init__(self, world: TabletopWorld) -> None:
        self.world, self.spec = world, feeling_spec(world)

    def begin(self, batch: int, task: Task) -> Aim:
        """Nothing is aimed at."""
        return Aim(pose=torch.zeros(batch, 5))

    def act(self, memory: Aim, since: Past, *, noise: Noise | None = None) -> tuple[Aim, Actions]:
        """No displacement, the gripper as it is."""
        assert since.observation.proprio is not None, "the caller checks observations against the spec"
        opening = felt(since.observation.proprio)[:, 4:]
        return memory, one_action(self.world, torch.cat([torch.zeros_like(opening).expand(-1, 4), opening], 1))


class DriveToGoal:
    """Straight to where the goal image shows the arm, whatever stands in the way, then there it stays."""

    def __init__(self, world: TabletopWorld) -> None:
        self.world, self.spec = world, replace(feeling_spec(world), goal_conditioned=True)

    def begin(self, batch: int, task: Task) -> Aim:
        """A fresh memory. SpecError without a goal image."""
        if task.goal is None or task.goal.proprio is None:
            raise SpecError(f"DriveToGoal needs a goal observation, this world asks with {self.world.config.ask!r}. Set ask='goal_image' or 'both'.")
        return Aim(pose=felt(task.goal.proprio))

    def act(self, memory: Aim, since: Past, *, noise: Noise | None = None) -> tuple[Aim, Actions]:
        """One move per row."""
        assert since.observation.proprio is not None, "the caller checks observations against the spec"
        away = GAIN * (memory.pose - felt(since.observation.proprio))
        return memory, one_action(self.world, torch.cat([away[:, :4], memory.pose[:, 4:]], 1))
