"""Findings on the numbers of actions and states: outside their limits, or the same in every row.

Declared limits are errors where they are left. Without them, values far from nearly all others are: in actions an error where no
motion reaches so far, otherwise a warning.
Does not know: files, pictures, times.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wam.data.columns import OURS
from wam.data.completeness import described, fits
from wam.data.dataset import EpisodeDataset
from wam.data.finding import Finding
from wam.data.layout import EpisodeEntry
from wam.world.slots import Slot

FAR = 100  # times the range of the middle 98 % of an action: so far beyond it lies no motion, but another unit or a bad row
VALID, LABELLED = OURS + "actions.valid", OURS + "actions.labelled"
KEPT = ("action", "observation.state", VALID, LABELLED)

Read = tuple[EpisodeEntry, dict[str, NDArray[Any]]]  # an episode that can be read, with the columns KEPT


@dataclass(frozen=True)
class Beyond:
    """A slot that leaves its limits."""

    name: str
    first: int  # of the episodes where it does
    told: str  # how far, in words
    declared: bool  # were limits declared?
    error: bool


def ranges(dataset: EpisodeDataset, episodes: list[Read]) -> Iterator[Finding]:
    """Actions and states outside their limits: one finding for all slots of a column that have the same fault."""
    for key, slots, tables in tables_of(dataset, episodes):
        found = [far for number, slot in enumerate(slots) if (far := beyond(key, slot, [table[:, number] for table in tables]))]
        for fault in dict.fromkeys((far.declared, far.error) for far in found):
            same = [far for far in found if (far.declared, far.error) == fault]
            entry = episodes[min(far.first for far in same)][0]
            others = [repr(far.name) for far in same[1:]]
            more = f"; so it is with {len(others)} more: {', '.join(others)}" if others else ""
            yield Finding(
                "range",
                f"{key} {same[0].told}{more}.",
                "another unit, a normalised or a wrongly parsed column.",
                "Correct the values, or the limits in the spec.",
                entry.table,
                entry.index,
                "error" if same[0].error else "warning",
            )


def beyond(key: str, slot: Slot, columns: list[NDArray[np.float64]]) -> Beyond | None:
    """Does a slot, whose values come by episode, leave its limits? NaN and infinity are not looked at."""
    column = np.concatenate(columns)
    column = column[np.isfinite(column)]
    if not len(column):
        return None
    low, high = limits(slot, column)
    declared = bool(np.isfinite(slot.low) or np.isfinite(slot.high))
    least, most = far_limits(column)
    wild = not declared and key == "action" and bool(column.min() < least or column.max() > most)
    if wild:
        low, high = least, most
    outside = int(((column < low) | (column > high)).sum())
    if not outside:
        return None
    spans = f"{column.min():.4g} .. {column.max():.4g} {slot.unit}".rstrip()
    within = f"{'its limits are' if declared else 'nearly all values lie far within'} {low:.4g} .. {high:.4g}"
    first = next(index for index, values in enumerate(columns) if ((values < low) | (values > high)).any())
    return Beyond(slot.name, first, f"{slot.name!r} spans {spans}; {within} ({outside} values outside)", declared, declared or wild)


def constants(dataset: EpisodeDataset, episodes: list[Read]) -> Iterator[Finding]:
    """Action slots that never change in the whole set, and episodes whose actions are all the same."""
    still: list[str] = []
    for key, slots, tables in tables_of(dataset, episodes):
        for slot, column in zip(slots, np.concatenate(tables).T, strict=True):
            column = column[np.isfinite(column)]
            if key == "action" and len(column) > 1 and column.max() == column.min():
                still.append(f"{slot.name} = {column[0]:.4g}")
    if still:
        yield Finding(
            "constant",
            f"{len(still)} action slots never change: {', '.join(still)}.",
            "unused joints, or channels that were not recorded.",
            "Leave the slots out if they are unused; check the recording otherwise.",
            dataset.root / "meta" / "info.json",
            severity="warning",
        )
    for entry, columns in episodes:
        table = valid_rows(columns, "action") if "action" in columns else np.zeros((0, 1))
        if len(table) > 1 and (table == table[0]).all():
            yield Finding(
                "constant",
                f"all actions are the same in {len(table)} rows.",
                "the controller was not connected, or the wrong column was recorded.",
                "Drop the episode, or record it again.",
                entry.table,
                entry.index,
            )


def tables_of(dataset: EpisodeDataset, episodes: list[Read]) -> Iterator[tuple[str, tuple[Slot, ...], list[NDArray[np.float64]]]]:
    """Columns whose slots are described, with their rows by episode."""
    for key, slots in described(dataset).items():
        tables = [valid_rows(columns, key) for _, columns in episodes] if slots and fits(dataset, key) else []
        if tables:
            yield key, slots, tables


def valid_rows(columns: dict[str, NDArray[Any]], key: str) -> NDArray[np.float64]:
    """A column as "n slots"; of actions only those that were executed and recorded, R unrolled."""
    table = columns[key].astype(np.float64)
    valid = columns.get(VALID)
    if key == "action" and valid is not None:
        rows: NDArray[np.float64] = (table if table.ndim == 3 else table[:, None])[valid & columns.get(LABELLED, np.True_)]
        return rows
    return table.reshape(-1, table.shape[-1])


def limits(slot: Slot, column: NDArray[np.float64]) -> tuple[float, float]:
    """Declared limits with a little tolerance; where there are none, twenty times the middle nine tenths on each side."""
    if np.isfinite(slot.low) or np.isfinite(slot.high):
        margin = 1e-4 * max(1.0, *(abs(x) for x in (slot.low, slot.high) if np.isfinite(x)))
        return slot.low - margin, slot.high + margin
    low, high = np.quantile(column, [0.05, 0.95])
    span = 20 * (high - low) if high > low else np.inf
    return float(low - span), float(high + span)


def far_limits(column: NDArray[np.float64]) -> tuple[float, float]:
    """FAR times the range of the middle 98 % on each side. Of few rows, too, the largest and smallest are not in the middle."""
    low, high = np.quantile(column, 0.01, method="higher"), np.quantile(column, 0.99, method="lower")
    span = FAR * (high - low) if high > low else np.inf
    return float(low - span), float(high + span)
