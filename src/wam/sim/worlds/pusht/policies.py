"""Policies of Push-T: what needs no learning, what explores, and the human's own actions.

They choose targets in px, and send them as the world takes its actions. None of them reads pictures; Play and Replay read the world's true states.
"""

from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wam.sim.worlds.pusht.simulator import FIELD
from wam.sim.worlds.pusht.world import PushTWorld
from wam.world import Actions, Noise, ObservationSpec, Past, PolicySpec, Record, SpecError, Task, record

REACH = 60.0  # px, the farthest target from the pusher, about what humans set
HOLD = 5  # steps that a target of Play is kept


@record
class Clock(Record):
    """Steps done."""

    step: Int[Tensor, "B"]


@record
class Aim(Record):
    """Where the pusher is to go, and for how many steps more."""

    target: Float[Tensor, "B 2"]
    left: Int[Tensor, "B"]


@record
class Goal(Record):
    """The pusher's place in the goal image, px."""

    place: Float[Tensor, "B 2"]


def spec_of(world: PushTWorld) -> PolicySpec:
    """They feel where the pusher is, and see nothing."""
    return PolicySpec(observes=ObservationSpec(proprio=world.spec.observes.proprio), acts=world.spec.acts, rate=world.spec.rate)


def towards(world: PushTWorld, target: Float[Tensor, "B 2"], here: Float[Tensor, "B 2"]) -> Actions:
    """One step: the target, or the way to it."""
    target = target.clamp(0, FIELD)
    chosen = target - here if world.config.moves else target
    return Actions(valid=torch.ones(len(target), 1, 1, dtype=torch.bool), low_level=chosen[:, None, None].float())


def felt(since: Past) -> Float[Tensor, "B 2"]:
    """The pusher's place now."""
    assert since.observation.proprio is not None
    return since.observation.proprio[:, -1]


class Wander:
    """Targets drawn around the pusher."""

    def __init__(self, world: PushTWorld) -> None:
        self.spec, self.world = spec_of(world), world

    def begin(self, batch: int, task: Task) -> Clock:
        """Nothing to remember."""
        return Clock(step=torch.zeros(batch, dtype=torch.int64))

    def act(self, memory: Clock, since: Past, *, noise: Noise | None = None) -> tuple[Clock, Actions]:
        """Without noise it stays."""
        here = felt(since)
        away = torch.zeros_like(here) if noise is None else noise.fork("wander").uniform(1, 2)[:, 0] * 2 - 1
        return Clock(step=memory.step + 1), towards(self.world, here + REACH * away.to(here), here)


class DriveToGoal:
    """Straight to the pusher's own place in the goal image: the strongest trivial policy. Where actions are places, it feels nothing on the way."""

    def __init__(self, world: PushTWorld) -> None:
        feels = spec_of(world).observes if world.config.moves else ObservationSpec()
        self.spec, self.world = replace(spec_of(world), observes=feels, goal_conditioned=True), world

    def begin(self, batch: int, task: Task) -> Goal:
        """SpecError without a goal."""
        if task.goal is None or task.goal.proprio is None:
            raise SpecError("DriveToGoal reads the pusher's place in the goal, and the task has none.")
        return Goal(place=task.goal.proprio[:, -1])

    def act(self, memory: Goal, since: Past, *, noise: Noise | None = None) -> tuple[Goal, Actions]:
        """The place itself: the simulator's own controller goes there."""
        return memory, towards(self.world, memory.place, felt(since) if self.world.config.moves else memory.place)


class Play:
    """Pushes the T about: targets through the T from where the pusher is, with chance, a few steps each."""

    def __init__(self, world: PushTWorld) -> None:
        self.spec, self.world = spec_of(world), world

    def begin(self, batch: int, task: Task) -> Aim:
        """A new target at once."""
        return Aim(target=torch.zeros(batch, 2), left=torch.zeros(batch, dtype=torch.int64))

    def act(self, memory: Aim, since: Past, *, noise: Noise | None = None) -> tuple[Aim, Actions]:
        """A target near the T or beyond it, approached within reach."""
        noise = noise or Noise.of(range(len(memory.left)))
        here, block = felt(since), torch.from_numpy(self.world.states()[:, 2:4]).float()
        chance = noise.fork("play").uniform(1, 4)[:, 0]
        beyond = block + (block - here) * chance[:, :1] + 120 * (chance[:, 1:3] - 0.5)
        anywhere = FIELD * noise.fork("anywhere").uniform(1, 2)[:, 0]
        fresh = torch.where(chance[:, 3:] < 0.8, beyond, anywhere).clamp(20, FIELD - 20)
        renew = memory.left <= 0
        target = torch.where(renew[:, None], fresh, memory.target)
        step = target - here
        within = here + step * (REACH / step.norm(dim=-1, keepdim=True).clamp(min=REACH))
        return Aim(target=target, left=torch.where(renew, HOLD, memory.left) - 1), towards(self.world, within, here)


class Replay:
    """The human's actions after the start, then its last one held."""

    def __init__(self, world: PushTWorld) -> None:
        self.spec, self.world = spec_of(world), world

    def begin(self, batch: int, task: Task) -> Clock:
        """At the start."""
        return Clock(step=torch.zeros(batch, dtype=torch.int64))

    def act(self, memory: Clock, since: Past, *, noise: Noise | None = None) -> tuple[Clock, Actions]:
        """Action number `step` of the demonstration; from the goal on the pusher stays."""
        offset = self.world.config.offset
        step = memory.step.clamp(max=offset - 1).numpy()
        target = torch.from_numpy(self.world.demonstrations.action[self.world.steps() + step]).float()
        here = felt(since)
        stays = torch.where((memory.step >= offset)[:, None], here, target)
        return Clock(step=memory.step + 1), towards(self.world, stays, here)
