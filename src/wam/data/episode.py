"""One recorded episode in memory, and its cutting from rollouts.

Shapes: every tensor has B = 1 and T frames. `actions[t]` is what LED TO `observation[t]`; the first is not valid.
Does not know: files, the order of columns, and the format's own time convention (that is `columns.py`).
"""

from collections.abc import Sequence
from dataclasses import replace

from jaxtyping import Bool, Float
from torch import Tensor

from wam.world.record import Record, record
from wam.world.records import Actions, Episodes, Observation, Truth


@record
class Episode(Record):
    """B = 1. Absent fields were not recorded."""

    observation: Observation
    actions: Actions
    reward: Float[Tensor, "B T"] | None = None
    alive: Bool[Tensor, "B T"] | None = None
    success: Bool[Tensor, "B T"] | None = None
    truth: Truth | None = None
    instruction: str | None = None
    seed: int | None = None  # of the world, where there is one
    source: str | None = None  # e.g. the file it was converted from

    @property
    def length(self) -> int:
        """T, frames."""
        return self.actions.valid.shape[1]


def cut(episodes: Episodes, sentences: Sequence[str] = (), source: str | None = None) -> list[Episode]:
    """Rows of a rollout as single episodes, each ending with the first frame at which it is not alive.

    `sentences` is the table that `task.instruction` points into. Goals, decision times and seconds are not kept.
    """
    found = []
    instruction = episodes.task.instruction
    for row in range(episodes.alive.shape[0]):
        over = (~episodes.alive[row]).nonzero()
        stop = int(over[0]) + 1 if len(over) else episodes.alive.shape[1]
        one = Episode(
            observation=episodes.observation,
            actions=episodes.actions,
            reward=episodes.reward,
            alive=episodes.alive,
            success=episodes.success,
            truth=episodes.truth,
            source=source,
        )
        part = one.map(lambda axes, leaf, row=row, stop=stop: leaf[row : row + 1, :stop] if axes[1] == "T" else leaf[row : row + 1])
        words = int(instruction[row]) if instruction is not None else -1
        found.append(replace(part, instruction=sentences[words] if words >= 0 else None, seed=None if episodes.seed is None else int(episodes.seed[row])))
    return found
