"""How a joint model learns and how it is sampled: training levels of its streams, and tables of levels to go through.

Streams are "video" and "actions", in this order everywhere. A level s is 0 for what is given, 1 for what is unknown. A stream that is
unknown from end to end is left out: its tokens would be noise that says nothing, the same marginal at several times the price.

| program | video | actions | |
| --- | --- | --- | --- |
| policy | unknown | drawn | what to do |
| forward | drawn | given | what will happen |
| inverse | given | drawn | what was done |
| video | drawn | unknown | what could happen |
| joint | drawn | drawn | both at once |
| imagine first | drawn, then given | unknown, then drawn | what could happen, and how to do it |

(UniDiffuser, 2303.06555, section 3.2; UWM, 2504.02792, section III.)
"""

from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Literal

from wam.nets.generate.laws import Fixed, Levels
from wam.nets.generate.schedule import Table, descend, held, in_turn, together

KINDS = ("video", "actions")

Kind = Literal["video", "actions"]
Program = Literal["policy", "forward", "inverse", "video", "joint", "imagine first"]

ACTING: tuple[Program, ...] = ("policy", "joint", "imagine first")  # they draw actions from what was seen
IMAGINING: tuple[Program, ...] = ("joint", "imagine first")  # of them, those that draw the video too


@dataclass(frozen=True)
class Lesson:
    """What some rows of a training step learn. Streams that it does not learn stand beside the others at their levels, where they are seen at all."""

    levels: Levels  # of video and actions
    learns: tuple[Kind, ...] = ("video", "actions")
    share: float = 1.0  # of the rows, the first ones, that learn it: frames cost far more than actions
    draws: int = 1  # of noise, for the same observed frames and what else stays: where what is learned is narrow, seeing costs more than drawing
    heard: bool = True  # the instruction; what follows from frames alone is learned without it

    def rows(self, count: int) -> int:
        """How many of so many rows learn it; at least one."""
        return max(1, round(self.share * count))

    @property
    def absent(self) -> tuple[str, ...]:
        """Streams that are left out: not learned, and unknown."""
        return tuple(kind for kind, law in zip(KINDS, self.levels.laws, strict=True) if kind not in self.learns and law == Fixed(1.0))


def table(program: Program, steps: int) -> Table:
    """The levels of video and actions; `steps` evaluations for what is drawn at once."""
    drawn = descend(steps)
    tables = {
        "policy": (held(1), drawn),
        "forward": (drawn, held(0)),
        "inverse": (held(0), drawn),
        "video": (drawn, held(1)),
        "joint": (drawn, drawn),
    }
    return in_turn(drawn, drawn) if program == "imagine first" else together(*tables[program])


def phases(levels: Table) -> list[tuple[tuple[int, ...], Table]]:
    """A table cut into stretches in which the same streams move: (those streams, rows), the last row of one being the first of the next."""
    rows = levels.tolist()
    moving = [tuple(stream for stream, (one, two) in enumerate(zip(now, to, strict=True)) if one != two) for now, to in pairwise(rows)]
    found, start = [], 0
    for streams, steps in groupby(moving):
        end = start + len(list(steps))
        found.append((streams, levels[start : end + 1]))
        start = end
    return found
