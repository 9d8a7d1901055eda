"""Exploring play in the `tabletop` world: it solves nothing, and shows what happens."""

import dataclasses

import numpy as np
import torch
from torch import Tensor

from wam.sim.worlds.tabletop import motions
from wam.sim.worlds.tabletop.camera import gone_round
from wam.sim.worlds.tabletop.experts import Busy, idle, work
from wam.sim.worlds.tabletop.row import Numbers, Row
from wam.sim.worlds.tabletop.skill_policies import one_action, policy_spec, stacked
from wam.sim.worlds.tabletop.skills import CLOSE, OPEN, PICK, PLACE, PUSH, PUSH_TO, REACH, WHERE, Call
from wam.sim.worlds.tabletop.words import NAMES, ZONES
from wam.sim.worlds.tabletop.world import TabletopWorld
from wam.world import Actions, Noise, Past, Task, require_noise

TURN, LIFT = 0.05, 0.02  # rad per step, how fast a steered camera goes round the table
LOW_SKILLS = frozenset(("push", "open", "close"))  # tasks for which nothing is picked up


class Play:
    """Explores without a goal: random skills with random things and places, carried out with a little noise.

    It picks things up unless all tasks of the world are pushing and the drawer. A steered camera goes round the table.
    """

    def __init__(self, world: TabletopWorld, noise: float = 0.004) -> None:
        self.world, self.spec = world, policy_spec(world)
        self.noise = noise  # m, standard deviation of white noise on the displacement
        self.picks = world.config.ask == "nothing" or not set(world.config.tasks) <= LOW_SKILLS

    def begin(self, batch: int, task: Task) -> Busy:
        """A fresh memory: the first act chooses."""
        return idle(self.world, batch)

    def act(self, memory: Busy, since: Past, *, noise: Noise | None = None) -> tuple[Busy, Actions]:
        """One move per row."""
        noise = require_noise(noise, "Play")
        whim = noise.fork("whim").uniform(1, 5)[:, 0].double().numpy()
        memory, moves = work(self.world, memory, lambda index, row: a_whim(row, whim[index], self.picks))
        jitter = self.noise * noise.fork("jitter").normal(1, 3)[:, 0].double().numpy()
        jittered = stacked([move + np.array([*part, 0, 0]) for move, part in zip(moves, jitter, strict=True)])
        if not self.world.config.steered_camera:
            return memory, one_action(self.world, jittered)
        memory = dataclasses.replace(memory, sway=0.95 * memory.sway + (1 - 0.95**2) ** 0.5 * noise.fork("camera").normal(1, 4)[:, 0])
        return memory, one_action(self.world, jittered, self._cameras(memory.sway))

    def _cameras(self, sway: Tensor) -> Tensor:
        """Where each row's camera goes "B 4 4": a step round what it was set to look at."""
        target = np.array(self.world.config.free_target)
        now, speeds = self.world.free_cameras().double().numpy(), sway.double().numpy()
        poses = [gone_round(pose, target, TURN * speed[0], LIFT * speed[1]) for pose, speed in zip(now, speeds, strict=True)]
        return torch.from_numpy(np.stack(poses)).float()


def a_whim(row: Row, dice: Numbers, picks: bool) -> Call:
    """Something to do, by five numbers in (0, 1). What is held is put somewhere; otherwise one of the other skills."""
    kind, which, x, y, z = dice.tolist()
    things = row.scene.things
    low, high = np.array([(-0.15, -0.2, 0.02), (0.18, 0.22, 0.2)])
    place = low + (high - low) * np.array([x, y, z])
    if row.held():
        here = ["sink", "table", *(["drawer"] if motions.drawer_is_out(row) else []), *(ZONES[zone.colour] for zone in row.scene.zones)]
        here += [NAMES[thing.name] for index, thing in enumerate(things) if thing.kind == "block" and index not in row.held()]
        return Call(PLACE, (WHERE.index(here[int(which * len(here))]),))
    if kind < 0.15 or not things:
        return Call(REACH, tuple(place))
    if kind < (0.3 if picks else 0.5):
        return Call(CLOSE if row.drawer > 0.06 else OPEN)
    name = things[int(which * len(things))].name
    if picks and kind > 0.65:
        return Call(PICK, (name,))
    if not picks and kind > 0.8 and row.scene.zones:
        return Call(PUSH, (name, row.scene.zones[int(x * len(row.scene.zones))].colour))
    return Call(PUSH_TO, (name, float(place[0]), float(place[1])))
