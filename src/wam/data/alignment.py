"""Do actions belong to the change of state that follows them? Found by correlation over lags.

On disk the action of row t moves the robot from row t to t + 1. For slots that action and state share by name:
relative   a[t]            against  s[t+1+L] - s[t+L]
absolute   a[t] - a[t-1]   against  s[t+1+L] - s[t+L]
A causal recording peaks at lag L = 0, or later where the robot answers late. A peak before 0 means that the action knows
what has already happened: it was stored one row too late. Needs no model; says nothing about slots that do not move.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wam.data.columns import OURS
from wam.world.slots import Slot

LAGS = range(-3, 4)
CLEAR = 0.3  # correlation below which nothing is said
MARGIN = 0.05  # by which another lag must be better than 0
LEAST = 30  # steps below which nothing is said


@dataclass(frozen=True)
class Shift:
    """Another lag fits better."""

    lag: int
    best: float  # mean correlation there
    here: float  # and at lag 0
    slots: tuple[str, ...]


def pairs(action: Sequence[Slot], state: Sequence[Slot]) -> list[tuple[int, int, bool]]:
    """(action slot, state slot, relative) of slots with the same name; "dx" and "delta_x" are relative to "x"."""
    where = {slot.name: number for number, slot in enumerate(state)}
    found = []
    for number, slot in enumerate(action):
        short = next((slot.name.removeprefix(p) for p in ("delta_", "d") if slot.name.removeprefix(p) in where and slot.name.startswith(p)), None)
        if slot.name in where:
            found.append((number, where[slot.name], slot.relative))
        elif short is not None:
            found.append((number, where[short], True))
    return found


def recorded(columns: dict[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """Of each row: is its action known, and the one before."""
    known: NDArray[np.bool_] = columns.get(OURS + "actions.labelled", np.ones((len(columns["action"]), 1), np.bool_))[:, 0]
    return np.logical_and(known, np.roll(known, 1))


def correlations(episodes: Sequence[dict[str, NDArray[Any]]], action: int, state: int, relative: bool, angle: bool) -> NDArray[np.float64] | None:
    """Correlation at each of LAGS over all episodes; None where a side does not move or there is too little."""
    wanted, moved = [], []
    reach = max(LAGS)
    for columns in episodes:
        a, s = columns["action"].astype(np.float64), columns["observation.state"][:, state].astype(np.float64)
        if a.ndim == 3:  # R per row: their sum moves the robot, or the last is where it should go
            a = a.sum(1) if relative else a[:, -1]
        if angle:  # an absolute angle jumps by a turn at +-pi
            s = np.unwrap(s)
            a = a if relative else np.unwrap(a, axis=0)
        change = np.diff(s)  # change[t] leads from row t to t + 1
        asked = a[:, action] if relative else np.diff(a[:, action], prepend=a[:1, action])
        rows = np.arange(reach, len(change) - reach)
        rows = rows[recorded(columns)[rows]]
        if len(rows):
            wanted.append(asked[rows])
            moved.append(np.stack([change[rows + lag] for lag in LAGS]))
    if not wanted:
        return None
    x, y = np.concatenate(wanted), np.concatenate(moved, 1)
    fine = np.isfinite(x) & np.isfinite(y).all(0)
    x, y = x[fine], y[:, fine]
    if len(x) < LEAST or x.std() < 1e-9 or (y.std(1) < 1e-9).any():
        return None
    found: NDArray[np.float64] = ((x - x.mean()) * (y - y.mean(1, keepdims=True))).mean(1) / (x.std() * y.std(1))
    return found


def misalignment(episodes: Sequence[dict[str, NDArray[Any]]], action: Sequence[Slot], state: Sequence[Slot]) -> Shift | None:
    """The lag that fits clearly better than 0 on average over all comparable slots, or None."""
    found = [(action[a].name, correlations(episodes, a, s, relative, action[a].unit == "rad")) for a, s, relative in pairs(action, state)]
    known = [(name, values) for name, values in found if values is not None and np.abs(values).max() > CLEAR]
    if not known:
        return None
    mean = np.mean([values for _, values in known], 0)
    best, here = int(np.argmax(mean)), LAGS.index(0)
    if mean[best] < CLEAR or mean[best] < mean[here] + MARGIN:
        return None
    return Shift(LAGS[best], float(mean[best]), float(mean[here]), tuple(name for name, _ in known))
