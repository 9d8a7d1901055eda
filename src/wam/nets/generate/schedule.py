"""A sampling schedule is a table of noise levels, one column per stream, from top to bottom: row k -> row k + 1 is a step.

    descend(10)                                   a video, or an action chunk, from noise
    together(descend(10), held(0))                the first stream, while the second is given: a forward model
    together(held(1), descend(10))                the second stream, while the first is unknown: a policy
    in_turn(descend(10, end=0.5), descend(10))    half of the first, then the second: partial denoising

Every program of sampling several streams is such a table. It costs one network evaluation per step.
Tables are float64 on the CPU and tiny. Does not know: what a stream is, how a step is made.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from wam.nets.generate.laws import shifted

Table = Float[Tensor, "_ _"]  # rows, streams


def descend(steps: int, start: float | int = 1, end: float | int = 0, shift: float | int = 1) -> Float[Tensor, "rows 1"]:
    """One stream from level `start` to `end` in so many steps: even ones, or with shift > 1 more of them near noise."""
    if steps < 1 or not 0 <= end <= start <= 1 or shift <= 0:
        raise ValueError(
            f"descend({steps}, start={start}, end={end}, shift={shift}): expected at least 1 step, 0 <= end <= start <= 1 and shift > 0. "
            "Noise is at 1, so a schedule falls; for a level that stays, use held()."
        )
    even = torch.linspace(shifted(float(start), 1 / shift), shifted(float(end), 1 / shift), steps + 1, dtype=torch.float64)
    levels = shifted(even, float(shift))
    levels[0], levels[-1] = start, end  # to the bit
    return levels[:, None]


def held(level: float | int) -> Float[Tensor, "1 1"]:
    """One stream that stays: 0 = given, 1 = unknown."""
    if not 0 <= level <= 1:
        raise ValueError(f"held({level}): expected a level from 0 (given) to 1 (unknown).")
    return torch.tensor([[level]], dtype=torch.float64)


def together(*columns: Table) -> Table:
    """Streams side by side, in this order, stepped at once. One row stands for as many as are needed."""
    rows = max(len(column) for column in columns)
    if wrong := [len(column) for column in columns if len(column) not in (1, rows)]:
        raise ValueError(f"together() of columns with {wrong[0]} and {rows} rows: give all streams that are stepped at once as many steps, or take in_turn().")
    return torch.cat([column.expand(rows, -1) for column in columns], 1)


def in_turn(*columns: Table) -> Table:
    """Streams side by side, in this order, stepped one after another: the next waits at its first level, the last stays at its last."""
    parts = [column[:1] for column in columns]
    rows = [torch.cat(parts, 1)]
    for index, column in enumerate(columns):
        for row in column[1:]:
            parts[index] = row[None]
            rows.append(torch.cat(parts, 1))
    return torch.cat(rows)


def require(table: Table, streams: int) -> None:
    """ValueError unless the table fits so many streams and no level rises."""
    if table.shape[1] != streams:
        raise ValueError(f"the table has {table.shape[1]} columns for {streams} streams: expected one column each. A stream that stays is held(level).")
    if not bool(((table >= 0) & (table <= 1)).all() and (table.diff(dim=0) <= 0).all()):
        raise ValueError(f"levels must lie in [0, 1] and never rise from row to row, the table is {table.tolist()}. Are its rows upside down?")
