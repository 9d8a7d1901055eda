"""Worlds of the library as robots, and policies that act well in them without training.

`Numbered` counts what is executed: every row of a chunk says which step of the episode it is meant for, so that a step that comes
twice, or never, shows. `Shoving` acts on what is served alone, pictures of the table and of the goal. `Foreseeing` is the arm's
expert, at work in a twin of the robot's world that is put to the moment which the message shows.
"""

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from wam.sim.worlds.push import PushConfig, PushWorld
from wam.sim.worlds.push.picture import centres
from wam.sim.worlds.push.scene import PUSHER_RADIUS, length
from wam.sim.worlds.push.steering import Table, shove
from wam.world import Actions, Noise, Observation, Outcome, Past, PolicySpec, Record, Slot, Task, Truth, concatenate, record

DISC = PushConfig(pusher="anywhere", budget=5000)
NEAR = 0.025  # m from its place, and the disc is left alone
PACE = 0.03  # m per step and axis: a disc that is shoved faster slides on, which no plan here knows


class Numbered:
    """A world with one action slot more: the number of the executed step, which holding repeats. Shown with the instant, whose moment is kept."""

    def __init__(self, world) -> None:
        self.world, self.batch = world, world.batch
        seen, acts, count = world.spec.observes, world.spec.acts, Slot(name="count")
        shown = dataclasses.replace(seen, proprio=(*seen.proprio, count, Slot(name="instant")))
        self.spec = dataclasses.replace(world.spec, observes=shown, acts=dataclasses.replace(acts, low_level=(*acts.low_level, count)))

    def reset(self, mask: Tensor, seeds: Tensor) -> tuple[Observation, Task]:
        observation, task = self.world.reset(mask, seeds)
        self.count, self.moments = torch.zeros(self.batch), [self.world.save()]
        return self._shown(observation), task

    def step(self, actions: Actions) -> Outcome:
        outcomes = []
        for step in range(actions.size("T")):
            one = actions.narrow("T", step, step + 1)
            outcome = self.world.step(dataclasses.replace(one, low_level=one.low_level[..., :-1]))
            self.count = torch.where(one.valid[:, 0, 0], one.low_level[:, 0, 0, -1], self.count)
            self.moments.append(self.world.save())
            outcomes.append(dataclasses.replace(outcome, observation=self._shown(outcome.observation)))
        return concatenate(outcomes, "T")

    def truth(self) -> Truth:
        return self.world.truth()

    def save(self):
        return self.count, self.moments

    def restore(self, snapshot) -> None:
        self.count, self.moments = snapshot[0], list(snapshot[1])
        self.world.restore(self.moments[-1])

    def _shown(self, observation: Observation) -> Observation:
        more = torch.stack([self.count, torch.full_like(self.count, len(self.moments) - 1)], -1)
        return dataclasses.replace(observation, proprio=torch.cat([observation.proprio, more[:, None]], -1))


def numbered(moves: Float[Tensor, "B K A"], count: Float[Tensor, "B"]) -> Actions:
    """A chunk whose rows say which step each is, after `count` executed ones."""
    counts = count[:, None] + torch.arange(1, moves.shape[1] + 1)
    low_level = torch.cat([moves, counts[..., None]], 2)[:, :, None]
    return Actions(valid=torch.ones_like(low_level[..., 0], dtype=torch.bool), low_level=low_level)


@record
class Place(Record):
    """Where the disc shall be, m."""

    wanted: Float[Tensor, "B 2"]


class Shoving:
    """Finds the red disc in the picture and in that of the goal, and shoves it there; the later steps of a chunk by dead reckoning."""

    def __init__(self, world: Numbered, chunk: int = 10, execute: int = 4) -> None:
        spec = world.spec
        self.spec = PolicySpec(observes=spec.observes, acts=spec.acts, chunk=chunk, execute=execute, rate=spec.rate, goal_conditioned=True)

    def begin(self, batch: int, task: Task) -> Place:
        return Place(wanted=disc_of(task.goal))

    def act(self, memory: Place, since: Past, *, noise: Noise | None = None) -> tuple[Place, Actions]:
        seen = since.observation.narrow("T", -1)
        disc, pusher, moves = disc_of(seen), seen.proprio[:, 0, :2], []
        around = torch.full_like(disc[:, :1], DISC.radius)
        first, level, walls = torch.zeros(len(disc), dtype=torch.int64), torch.zeros_like(around), torch.zeros(len(disc), 0, 4)
        for _ in range(self.spec.chunk):
            table = Table(pusher, torch.cat([disc, level], 1)[:, None], around[..., None].expand(-1, 1, 2), around, gap=around, walls=walls)
            move = shove(table, first, memory.wanted).clamp(-PACE, PACE)
            moves.append(torch.where(length(disc - memory.wanted)[:, None] > NEAR, move, 0))
            pusher = pusher + moves[-1]
            apart = disc - pusher
            disc = pusher + apart * ((DISC.radius + PUSHER_RADIUS) / length(apart)[:, None]).clamp(min=1)
        return memory, numbered(torch.stack(moves, 1), seen.proprio[:, 0, -2])


def disc_of(seen: Observation) -> Float[Tensor, "B 2"]:
    """The centre of what is red, m."""
    red, green, blue = seen.rgb["top"][:, -1].float().unbind(1)
    ink = (red - torch.maximum(green, blue) - 30).clamp(min=0)
    x = centres(ink.shape[-1], ink.dtype, ink.device)
    return torch.stack([(ink.sum(1) * x).sum(1), (ink.sum(2) * x.flip(0)).sum(1)], 1) / ink.sum((1, 2))[:, None]


def shoving() -> Shoving:
    """The policy alone, for a server of its own."""
    return Shoving(Numbered(PushWorld(1, DISC)))


class Foreseeing:
    """An expert over one table. Of each step that it worked ahead it remembers how far it was, so that it goes on from any of them."""

    def __init__(self, robot: Numbered, twin, expert, chunk: int = 12, execute: int = 4) -> None:
        self.robot, self.twin, self.expert, spec = robot, twin, expert, robot.spec
        self.spec = PolicySpec(observes=spec.observes, acts=spec.acts, chunk=chunk, execute=execute, rate=spec.rate)
        self.reached = dict[int, Record]()  # by the number of executed steps

    def begin(self, batch: int, task: Task) -> Task:
        return task

    def act(self, memory: Task, since: Past, *, noise: Noise | None = None) -> tuple[Task, Actions]:
        count, instant = (int(number) for number in since.observation.proprio[0, -1, -2:])
        self.twin.restore(self.robot.moments[instant])
        if not count:
            self.reached = {0: self.expert.begin(1, memory)}
        moves = []
        for step in range(count, count + self.spec.chunk):
            self.reached[step + 1], actions = self.expert.act(self.reached[step], since)
            self.twin.step(actions)
            moves.append(actions.low_level[:, :, 0])
        return memory, numbered(torch.cat(moves, 1), torch.tensor([float(count)]))
