"""Experts of the `tabletop` world: they run skills that read true poses, never pictures."""

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from wam.sim.worlds.tabletop import motions
from wam.sim.worlds.tabletop.calls import REST, next_call
from wam.sim.worlds.tabletop.row import Row
from wam.sim.worlds.tabletop.scene import HIGH_ABOVE
from wam.sim.worlds.tabletop.skill_policies import fresh_count, one_action, policy_spec, stacked
from wam.sim.worlds.tabletop.skills import LIMIT, SKILLS, Call, run
from wam.sim.worlds.tabletop.world import TabletopWorld
from wam.world import Actions, Noise, Past, Record, Task, record, require_noise


@record
class Busy(Record):
    """Which skill runs in each row and how far it is, and a disturbance."""

    call: Float[Tensor, "B 4"]  # skill (REST = none) and its arguments
    phase: Int[Tensor, "B"]
    clock: Int[Tensor, "B"]  # steps given to the skill
    sway: Float[Tensor, "B 4"]  # slowly changing disturbance of the displacement and turn
    pause: Int[Tensor, "B"]  # steps left of a pause


def idle(world: TabletopWorld, batch: int) -> Busy:
    """Nothing begun."""
    none = fresh_count(world, batch)
    return Busy(call=torch.full((batch, 4), float(REST)), phase=none, clock=none, sway=torch.zeros(batch, 4), pause=none)


def rest(row: Row) -> np.ndarray:
    """Up and out of the way."""
    return motions.go(row, np.array([*row.place[:2], HIGH_ABOVE]), float(row.place[3]), motions.NARROW)


def work(world: TabletopWorld, memory: Busy, choose: Callable[[int, Row], Call]) -> tuple[Busy, list[np.ndarray]]:
    """The next move in each row by the skill that runs; `choose` names a new one where it is done or took too long."""
    moves, calls, phases, clocks = [], [], [], []
    for index, row in enumerate(world.rows):
        skill, *arguments = memory.call[index].tolist()
        call, phase, clock = Call(int(skill), tuple(arguments)), int(memory.phase[index]), int(memory.clock[index])
        if call.skill == REST or clock >= LIMIT:
            call, phase, clock = choose(index, row), 0, 0
        move = motions.Move(rest(row), 0, done=True) if call.skill == REST else run(row, _fitted(call), phase)
        moves.append(move.action)
        calls.append([float(part) for part in ([REST] if move.done else [call.skill, *call.arguments])] + [0.0] * 4)
        phases.append(move.phase)
        clocks.append(clock + 1)
    call_rows = torch.tensor([row[:4] for row in calls], dtype=torch.float32)
    return dataclasses.replace(memory, call=call_rows, phase=torch.tensor(phases), clock=torch.tensor(clocks)), moves


def _fitted(call: Call) -> Call:
    """Without the zeros behind its arguments."""
    return Call(call.skill, call.arguments[: len(SKILLS[call.skill].parameters)])


class Expert:
    """Solves the task by skills. It reads true poses, never pictures."""

    def __init__(self, world: TabletopWorld) -> None:
        self.world, self.spec = world, policy_spec(world)

    def begin(self, batch: int, task: Task) -> Busy:
        """A fresh memory."""
        return idle(self.world, batch)

    def act(self, memory: Busy, since: Past, *, noise: Noise | None = None) -> tuple[Busy, Actions]:
        """One move per row."""
        memory, moves = work(self.world, memory, lambda index, row: next_call(row))
        return memory, one_action(self.world, stacked(moves))


class NoisyExpert:
    """The expert with correlated noise on its displacement and turn, and random pauses: for data that also shows recoveries."""

    def __init__(self, world: TabletopWorld, noise: float = 0.006, turn: float = 0.03, pause: float = 0.03, memory: float = 0.8) -> None:
        self.world, self.spec = world, policy_spec(world)
        self.noise = torch.tensor([noise, noise, noise, turn])  # m and rad, standard deviations of the disturbance
        self.pause = pause  # chance per step to stop for one to four steps
        self.memory = memory  # correlation of the disturbance from step to step

    def begin(self, batch: int, task: Task) -> Busy:
        """A fresh memory."""
        return idle(self.world, batch)

    def act(self, memory: Busy, since: Past, *, noise: Noise | None = None) -> tuple[Busy, Actions]:
        """One move per row. A pause holds the skill up too."""
        noise = require_noise(noise, "NoisyExpert")
        ahead, moves = work(self.world, memory, lambda index, row: next_call(row))
        sway = self.memory * memory.sway + (1 - self.memory**2) ** 0.5 * noise.fork("sway").normal(1, 4)[:, 0]
        chance, duration = noise.fork("pause").uniform(1, 2)[:, 0].unbind(1)
        pause = torch.where((memory.pause == 0) & (chance < self.pause), 1 + (4 * duration).long(), (memory.pause - 1).clamp(min=0))
        disturbed = [move + np.array([*(part * self.noise).tolist(), 0]) for move, part in zip(moves, sway, strict=True)]
        still = [motions.stay(row, 0.0 if row.held() else row.opening) for row in self.world.rows]
        chosen = [one if stop else other for one, other, stop in zip(still, disturbed, (pause > 0).tolist(), strict=True)]
        return dataclasses.replace(ahead.where(pause == 0, memory), sway=sway, pause=pause), one_action(self.world, stacked(chosen))
