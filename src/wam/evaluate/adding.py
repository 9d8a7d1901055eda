"""Figures of several trainings that were taken at different times: runs may be gone while their figures are left.

What is added to must be figures of other trainings of the same thing, measured in the same way. What earlier sources measured, or
what learned from another recording of the data, counts and is named as older.
"""

from collections.abc import Iterable

from wam.evaluate.origin import Origin
from wam.world import SpecError


def require_same(compared: Iterable[tuple[str, object, object]]) -> None:
    """SpecError for the first (what, there, here) that differ."""
    for what, there, here in compared:
        if there != here:
            raise SpecError(f"the figures that trainings are to be added to are of another {what}. There: {there} Here: {here} Name another --result.")


def require_new(seeds: Iterable[int], counted: tuple[int, ...]) -> None:
    """SpecError for a training that is among those counted."""
    if both := sorted(set(seeds) & set(counted)):
        raise SpecError(f"the training {both[0]} stands in those figures already; one that counts twice makes intervals too narrow. Leave --add out to renew.")


def older_ones(earlier: Origin, counted: tuple[int, ...], older: tuple[int, ...], data: str) -> tuple[int, ...]:
    """Of the trainings that earlier figures count, those that are older than what is added to them, learned from `data`."""
    return counted if earlier.stale or earlier.data != data else older
