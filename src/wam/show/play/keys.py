"""Which key moves which slot of an action, and by how much.

Slots take pairs of keys in the order of `PAIRS`; an absolute gripper is one key that opens and closes it (`TOGGLES`). Keys have
the names that a browser gives them (`KeyboardEvent.key`, letters in lower case). A slot beyond the tables has no key and rests.

A relative slot goes at its limit while a key is held, and is 0 otherwise. An absolute slot stays where it is and moves by
`SHARE` of its range per model step while a key is held. Values are in physical units; the R actions of a step are all the same.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from wam.world import Slot, Spec, SpecError

PAIRS = (  # less, more
    ("ArrowLeft", "ArrowRight"),
    ("ArrowDown", "ArrowUp"),
    ("s", "w"),
    ("a", "d"),
    ("q", "e"),
    ("f", "r"),
    ("g", "t"),
    ("h", "y"),
    ("j", "u"),
    ("k", "i"),
    ("l", "o"),
)
TOGGLES = ("1", "2", "3", "4")
SHARE = 0.04  # of an absolute slot's range, per model step


@dataclass(frozen=True, kw_only=True)
class Lever(Spec):
    """One slot and its keys; without keys it rests."""

    slot: Slot
    less: str = ""  # towards slot.low
    more: str = ""  # towards slot.high
    toggle: str = ""  # from one limit to the other

    @property
    def keys(self) -> frozenset[str]:
        """All that it listens to."""
        return frozenset((self.less, self.more, self.toggle)) - {""}

    def rest(self, value: float | None) -> float:
        """Where it is before a key was touched: a relative slot at 0, an absolute one at `value`, or in its middle where that is unknown."""
        if self.slot.relative:
            return 0.0
        return min(max((self.slot.low + self.slot.high) / 2 if value is None else value, self.slot.low), self.slot.high)

    def pull(self, value: float, held: frozenset[str], before: frozenset[str]) -> float:
        """The next value, after `value`, while `held` are down and `before` were down the step before."""
        low, high = self.slot.low, self.slot.high
        if self.toggle:
            middle = (low + high) / 2
            return value if self.toggle not in held - before else low if value > middle else high
        way = (self.more in held) - (self.less in held)
        if self.slot.relative:
            return (low, 0.0, high)[way + 1]
        return min(max(value + way * SHARE * (high - low), low), high)


def levers(slots: Sequence[Slot]) -> tuple[Lever, ...]:
    """One per slot. SpecError for a slot without finite limits: a key would not know how far to go."""
    pairs, toggles, found = iter(PAIRS), iter(TOGGLES), []
    for slot in slots:
        if not (math.isfinite(slot.low) and math.isfinite(slot.high)):
            raise SpecError(
                f"the action {slot.name!r} has the limits {slot.low:g} .. {slot.high:g}, expected finite ones: a key goes as far as the limit. "
                "Pass slots with limits, e.g. the 1st and 99th percentile of the recorded actions."
            )
        if is_gripper(slot):
            found.append(Lever(slot=slot, toggle=next(toggles, "")))
        else:
            less, more = next(pairs, ("", ""))
            found.append(Lever(slot=slot, less=less, more=more))
    return tuple(found)


def is_gripper(slot: Slot) -> bool:
    """An opening that is either wanted open or wanted closed, told by its name."""
    return "gripper" in slot.name.lower() and not slot.relative
