"""Experts of the `push` world. They hold the world and read true poses, never pictures."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wam.sim.worlds.push.scene import PUSHER_LIMIT, length
from wam.sim.worlds.push.steering import Table, go, shove
from wam.sim.worlds.push.world import PushWorld
from wam.world import Actions, Noise, ObservationSpec, Past, PolicySpec, Record, Task, record, require_noise


@record
class Steps(Record):
    """Decisions made so far."""

    clock: Int[Tensor, "B"]


def policy_spec(world: PushWorld) -> PolicySpec:
    """The spec of a policy that reads the world instead of its observations."""
    return PolicySpec(observes=ObservationSpec(), acts=world.spec.acts, rate=world.spec.rate)


def one_action(push: Float[Tensor, "B 2"]) -> Actions:
    """A displacement as one step, within the limits."""
    valid = torch.ones(len(push), 1, 1, dtype=torch.bool, device=push.device)
    return Actions(valid=valid, low_level=push.clamp(-PUSHER_LIMIT, PUSHER_LIMIT).float()[:, None, None])


def fresh_count(world: PushWorld, batch: int) -> Int[Tensor, "B"]:
    """A zero per row of the world. ValueError for another batch: a privileged policy goes with its world."""
    if batch != world.batch:
        raise ValueError(f"this policy reads a world of {world.batch} rows, asked for {batch}. Make one for each world.")
    return torch.zeros(batch, dtype=torch.int64, device=world.device)


def solve(world: PushWorld) -> Float[Tensor, "B 2"]:
    """The expert's next displacement: shove what is not yet in place, then go where the goal image shows the pusher."""
    now, config = world.moment, world.config
    table, rows = Table.of(now.scene, now.state), torch.arange(world.batch, device=world.device)
    if config.task == "goal_image":
        off = length(table.objects[..., :2] - now.scene.goal[:, :-1, :2]) > 0.25 * now.scene.radius
        which = off.to(torch.int64).argmax(1)
        work = shove(table, which, now.scene.goal[rows, which, :2])
        return torch.where(off.any(1)[:, None], work, go(table, now.scene.goal[:, -1, :2]))
    if config.task == "instruction":
        zone = now.scene.zones[rows, now.scene.target_zone]
        there = (table.objects[rows, now.scene.target, :2] - zone[:, :2]).abs().amax(1) < 0.6 * zone[:, 2]
        return torch.where(there[:, None], 0, shove(table, now.scene.target, zone[:, :2]))
    return torch.zeros_like(table.pusher)


class Expert:
    """Solves the task. In free play it stands still."""

    def __init__(self, world: PushWorld) -> None:
        self.world, self.spec = world, policy_spec(world)

    def begin(self, batch: int, task: Task) -> Steps:
        """A fresh memory."""
        return Steps(clock=fresh_count(self.world, batch))

    def act(self, memory: Steps, since: Past, *, noise: Noise | None = None) -> tuple[Steps, Actions]:
        """One displacement."""
        return Steps(clock=memory.clock + 1), one_action(solve(self.world))


@record
class Sway(Record):
    """A slowly changing disturbance, and steps left of a pause."""

    push: Float[Tensor, "B 2"]  # m
    pause: Int[Tensor, "B"]


class NoisyExpert:
    """The expert with correlated noise on its displacement and random pauses: for data that also shows recoveries."""

    def __init__(self, world: PushWorld, noise: float = 0.015, pause: float = 0.04, memory: float = 0.8) -> None:
        self.world, self.spec = world, policy_spec(world)
        self.noise = noise  # m, standard deviation of the disturbance
        self.pause = pause  # chance per step to stop for one to four steps
        self.memory = memory  # correlation of the disturbance from step to step

    def begin(self, batch: int, task: Task) -> Sway:
        """A fresh memory."""
        still = fresh_count(self.world, batch)
        return Sway(push=torch.zeros(batch, 2, device=self.world.device), pause=still)

    def act(self, memory: Sway, since: Past, *, noise: Noise | None = None) -> tuple[Sway, Actions]:
        """One displacement."""
        noise = require_noise(noise, "NoisyExpert")
        fresh = (1 - self.memory**2) ** 0.5 * self.noise * noise.fork("sway").normal(1, 2)[:, 0]
        push = self.memory * memory.push + fresh
        chance, duration = noise.fork("pause").uniform(1, 2)[:, 0].unbind(1)
        pause = torch.where((memory.pause == 0) & (chance < self.pause), 1 + (4 * duration).long(), (memory.pause - 1).clamp(min=0))
        return Sway(push=push, pause=pause), one_action(torch.where((pause > 0)[:, None], 0, solve(self.world) + push))
