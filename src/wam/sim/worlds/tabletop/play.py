"""Policies of the `tabletop` world that solve nothing: exploring play and random motion."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from wam.sim.worlds.tabletop import motions
from wam.sim.worlds.tabletop.experts import Busy, idle, work
from wam.sim.worlds.tabletop.row import HIGH, LOW, Row
from wam.sim.worlds.tabletop.skills import CLOSE, OPEN, PICK, PLACE, PUSH_TO, REACH, WHERE, Call, one_action, policy_spec
from wam.sim.worlds.tabletop.words import NAMES, ZONES
from wam.sim.worlds.tabletop.world import TabletopWorld
from wam.world import Actions, Noise, Past, Record, Task, record, require_noise


class Play:
    """Explores without a goal: random skills with random things and places, carried out with a little noise."""

    def __init__(self, world: TabletopWorld, noise: float = 0.004) -> None:
        self.world, self.spec = world, policy_spec(world)
        self.noise = noise  # m, standard deviation of white noise on the displacement

    def begin(self, batch: int, task: Task) -> Busy:
        """A fresh memory: the first act chooses."""
        return idle(self.world, batch)

    def act(self, memory: Busy, since: Past, *, noise: Noise | None = None) -> tuple[Busy, Actions]:
        """One move per row."""
        noise = require_noise(noise, "Play")
        whim = noise.fork("whim").uniform(1, 5)[:, 0].double().numpy()
        memory, moves = work(self.world, memory, lambda index, row: a_whim(row, whim[index]))
        jitter = self.noise * noise.fork("jitter").normal(1, 3)[:, 0].double().numpy()
        return memory, one_action([move + np.array([*part, 0, 0]) for move, part in zip(moves, jitter, strict=True)])


def a_whim(row: Row, dice: np.ndarray) -> Call:
    """Something to do, by five numbers in (0, 1). What is held is put somewhere; otherwise one of the other skills."""
    kind, which, x, y, z = dice.tolist()
    things = row.scene.things
    names = [thing.name for thing in things]
    low, high = np.array([(-0.15, -0.2, 0.02), (0.18, 0.22, 0.2)])
    place = low + (high - low) * np.array([x, y, z])
    if row.held():
        here = ["sink", "table", *(["drawer"] if motions.drawer_is_out(row) else []), *(ZONES[zone.colour] for zone in row.scene.zones)]
        here += [NAMES[thing.name] for index, thing in enumerate(things) if thing.kind == "block" and index not in row.held()]
        return Call(PLACE, (WHERE.index(here[int(which * len(here))]),))
    if kind < 0.15 or not names:
        return Call(REACH, tuple(place))
    if kind < 0.3:
        return Call(CLOSE if row.drawer > 0.06 else OPEN)
    name = names[int(which * len(names))]
    return Call(PUSH_TO, (name, float(place[0]), float(place[1]))) if kind < 0.65 else Call(PICK, (name,))


@record
class Drift(Record):
    """The last action, in standard units."""

    move: Float[Tensor, "B 5"]


class Wander:
    """Random actions: uniform and independent (`memory` = 0), or normal and correlated in time. Reads nothing."""

    def __init__(self, world: TabletopWorld, memory: float = 0.0) -> None:
        self.spec = policy_spec(world)
        self.memory = memory  # correlation from step to step, 0 to 1
        self.middle, self.half = torch.from_numpy((LOW + HIGH) / 2).float(), torch.from_numpy((HIGH - LOW) / 2).float()

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
        low_level = (self.middle + self.half * move.clamp(-1, 1))[:, None, None]
        return Drift(move=move), Actions(valid=torch.ones(low_level.shape[:3], dtype=torch.bool), low_level=low_level)
