"""Policies of the `push` world that solve nothing: exploring play, random motion, and the trivial baseline."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wam.sim.worlds.push.experts import fresh_count, one_action, policy_spec
from wam.sim.worlds.push.scene import HALF_TABLE, PUSHER_LIMIT, PUSHER_RADIUS, length
from wam.sim.worlds.push.steering import Table, shove, stride
from wam.sim.worlds.push.world import PushWorld
from wam.world import Actions, Noise, ObservationSpec, Past, PolicySpec, Record, Task, record, require_noise


@record
class Whim(Record):
    """What play is up to."""

    which: Int[Tensor, "B"]  # object, -1 = none: only drive there
    place: Float[Tensor, "B 2"]  # m
    pace: Float[Tensor, "B"]  # share of the usual stride
    left: Int[Tensor, "B"]  # steps until something else comes to mind


class Play:
    """Explores without a goal: shoves random objects to random places, sometimes only drives about, at a random pace."""

    def __init__(self, world: PushWorld, drive: float = 0.2, noise: float = 0.008) -> None:
        self.world, self.spec = world, policy_spec(world)
        self.drive = drive  # share of whims that only drive somewhere
        self.noise = noise  # m, standard deviation of white noise on the displacement

    def begin(self, batch: int, task: Task) -> Whim:
        """A fresh memory: the first act chooses."""
        none = fresh_count(self.world, batch)
        place = torch.zeros(batch, 2, device=self.world.device)
        return Whim(which=none, place=place, pace=place[:, 0], left=none)

    def act(self, memory: Whim, since: Past, *, noise: Noise | None = None) -> tuple[Whim, Actions]:
        """One displacement."""
        noise = require_noise(noise, "Play")
        now, rows = self.world.moment, torch.arange(self.world.batch, device=self.world.device)
        table = Table.of(now.scene, now.state)
        subject = torch.where((memory.which < 0)[:, None], table.pusher, table.objects[rows, memory.which.clamp(min=0), :2])
        done = (memory.left <= 0) | (length(subject - memory.place) < 0.03)

        drive, across, up, pace, duration = noise.fork("whim").uniform(1, 5)[:, 0].unbind(1)
        which = torch.where(drive < self.drive, -1, noise.fork("which").integers(1, table.objects.shape[1])[:, 0])
        limit = torch.where(which < 0, HALF_TABLE - 1.5 * PUSHER_RADIUS, HALF_TABLE - 2.8 * PUSHER_RADIUS)[:, None]
        memory = Whim(
            which=torch.where(done, which, memory.which),
            place=torch.where(done[:, None], limit * (2 * torch.stack([across, up], 1) - 1), memory.place),
            pace=torch.where(done, 0.5 + 0.6 * pace, memory.pace),
            left=torch.where(done, 6 + (18 * duration).long(), memory.left - 1),
        )
        place = memory.place.to(table.pusher.dtype)
        push = torch.where((memory.which < 0)[:, None], stride(place - table.pusher), shove(table, memory.which.clamp(min=0), place))
        return memory, one_action(push * memory.pace[:, None] + self.noise * noise.fork("jitter").normal(1, 2)[:, 0])


@record
class Drift(Record):
    """The displacement of the last step."""

    push: Float[Tensor, "B 2"]  # m


class Wander:
    """Random displacements: uniform and independent (`memory` = 0), or normal and correlated in time."""

    def __init__(self, world: PushWorld, memory: float = 0.0) -> None:
        self.device, self.spec = world.device, policy_spec(world)
        self.memory = memory  # correlation from step to step, 0 to 1

    def begin(self, batch: int, task: Task) -> Drift:
        """A fresh memory."""
        return Drift(push=torch.zeros(batch, 2, device=self.device))

    def act(self, memory: Drift, since: Past, *, noise: Noise | None = None) -> tuple[Drift, Actions]:
        """One displacement."""
        noise = require_noise(noise, "Wander")
        if self.memory == 0:
            return memory, one_action(PUSHER_LIMIT * (2 * noise.uniform(1, 2)[:, 0] - 1))
        fresh = (1 - self.memory**2) ** 0.5 * 0.6 * PUSHER_LIMIT * noise.normal(1, 2)[:, 0]
        drift = Drift(push=self.memory * memory.push + fresh)
        return drift, one_action(drift.push)


@record
class Aim(Record):
    """Where to."""

    place: Float[Tensor, "B 2"]  # m


class DriveToGoal:
    """The trivial baseline: straight to where the goal image shows the pusher, whatever stands in the way.

    Reads proprioception only, the pusher's part: of the frame, and of the goal.
    """

    def __init__(self, world: PushWorld) -> None:
        observes = ObservationSpec(proprio=world.spec.observes.proprio)
        self.spec = PolicySpec(observes=observes, acts=world.spec.acts, rate=world.spec.rate, goal_conditioned=True)

    def begin(self, batch: int, task: Task) -> Aim:
        """A fresh memory. ValueError without a goal image."""
        if task.goal is None or task.goal.proprio is None:
            raise ValueError("DriveToGoal needs a task with a goal observation; this world asks for something else. Use PushConfig(task='goal_image').")
        return Aim(place=task.goal.proprio[:, -1, :2])

    def act(self, memory: Aim, since: Past, *, noise: Noise | None = None) -> tuple[Aim, Actions]:
        """One displacement."""
        assert since.observation.proprio is not None, "the caller checks observations against the spec"
        return memory, one_action(stride(memory.place - since.observation.proprio[:, -1, :2], PUSHER_LIMIT))
