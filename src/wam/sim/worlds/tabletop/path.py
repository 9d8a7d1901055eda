"""Goals that lie a number of steps ahead on an expert's own path through a row (`TabletopConfig.offset`), as goals taken from trajectories do."""

import numpy as np

from wam.sim.worlds.tabletop import tasks
from wam.sim.worlds.tabletop.calls import REST, next_call
from wam.sim.worlds.tabletop.config import STEPS, TabletopConfig
from wam.sim.worlds.tabletop.draw import draw
from wam.sim.worlds.tabletop.row import HIGH, LOW, Row, RowState
from wam.sim.worlds.tabletop.skills import Call, run
from wam.world import SpecError

SETTLED = 0.002  # m: what is this near to where the path brings it is there
AGAIN, TRIES = 10**9, 100  # between the seeds of scenes that take each other's place, and how many are drawn


def ahead(config: TabletopConfig, seed: int) -> tuple[Row, RowState]:
    """A row that stands `offset` steps before the end of an expert's path, and its state at that end.

    It stands further back where its task would be solved there already, and at the path's beginning where that is nearer. A scene that
    the expert does not solve within the usual budget is drawn anew. SpecError where it solves none of many.
    """
    for attempt in range(TRIES):
        row = Row(draw(config, seed + attempt * AGAIN), config)
        path = walked(row)
        for start in reversed(path[: max(1, len(path) - config.offset)]):
            row.restore(start)
            if not tasks.solved(row):
                return row, path[-1]
    raise SpecError(
        f"the expert solves none of {TRIES} scenes of seed {seed} (tasks {config.tasks}, split {config.split!r}), so there is no way to start on. "
        "Leave offset out, or ask for other tasks."
    )


def walked(row: Row) -> list[RowState]:
    """An expert's states, from where the row is to where its task is solved and things first lie where they stay. Empty where it is not solved."""
    states, left, done, call, phase = [row.save()], [tasks.remaining(row)], [tasks.solved(row)], Call(REST), 0
    for _ in range(STEPS[row.scene.errand.task]):
        if call.skill == REST:
            call, phase = next_call(row), 0
        if call.skill == REST:
            ends = [index for index, apart in enumerate(left) if done[index] and apart < left[-1] + SETTLED]
            return states[: ends[0] + 1]
        move = run(row, call, phase)
        row.step(np.clip(move.action, LOW, HIGH))
        call, phase = Call(REST) if move.done else call, move.phase
        states.append(row.save())
        left.append(tasks.remaining(row))
        done.append(tasks.solved(row))
    return []
