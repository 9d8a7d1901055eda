"""Statistics of actions and proprioception, bound to the representation that they describe.

They travel from `data` into a model's checkpoint. Using them with another action representation is an error, never a shrug.
"""

from dataclasses import dataclass, replace

from wam.world.slots import Slot
from wam.world.spec import Spec, SpecError
from wam.world.specs import ActionSpec


@dataclass(frozen=True, kw_only=True)
class Moments(Spec):
    """Per-column figures of a feature, in physical units."""

    count: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    q01: tuple[float, ...]  # 1st and 99th percentile
    q99: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Statistics(Spec):
    """Moments of the low-level actions and of proprioception, with what the columns mean."""

    acts: ActionSpec
    proprio_slots: tuple[Slot, ...] = ()
    action: Moments | None = None
    proprio: Moments | None = None

    def require(self, acts: ActionSpec, proprio: tuple[Slot, ...] = ()) -> "Statistics":
        """Return self, or raise SpecError where names, units, frames, relativity, being derived or the actions per step differ."""
        for what, mine, theirs in (("action", self.acts.low_level, acts.low_level), ("proprio", self.proprio_slots, proprio)):
            differ = [(a, b) for a, b in zip(_meaning(mine), _meaning(theirs), strict=False) if a != b]
            if len(mine) != len(theirs) or differ:
                raise SpecError(f"the statistics do not describe the {what} columns that are used: {_apart(mine, theirs)}")
        if self.acts.per_step != acts.per_step:
            raise SpecError(f"the statistics were computed for {self.acts.per_step} actions per step, {acts.per_step} are used.")
        return self

    def within(self, acts: ActionSpec, spread: float = 2.0) -> ActionSpec:
        """The same actions with limits where the data lies: its mean and `spread` standard deviations to both sides, inside the slots' own limits.

        What predicts is not to be believed beyond. Unchanged where nothing is known of the data.
        """
        if self.action is None:
            return acts
        found = []
        for slot, mean, std in zip(acts.low_level, self.action.mean, self.action.std, strict=True):
            low, high = (min(max(end, slot.low), slot.high) for end in (mean - spread * std, mean + spread * std))
            found.append(replace(slot, low=low, high=high))
        return replace(acts, low_level=tuple(found))

    def for_proprio(self, proprio: tuple[Slot, ...]) -> "Statistics":
        """The same without proprioception, for a model that does not read it; unchanged for one that does."""
        return self if proprio else replace(self, proprio_slots=(), proprio=None)


def _apart(mine: tuple[Slot, ...], theirs: tuple[Slot, ...]) -> str:
    """How the columns of statistics differ from those that are used, and what to do."""
    known, used = [slot.name for slot in mine], [slot.name for slot in theirs]
    if known != used:
        return f"they are of {len(known)} ({_some(known)}), the model has {len(used)} ({_some(used)}). Name another data set, or give the model these slots."
    (name, one, other) = next((a[0], a[1:], b[1:]) for a, b in zip(_meaning(mine), _meaning(theirs), strict=True) if a != b)
    parts = ("unit", "frame", "relative", "derived")
    differ = ", ".join(f"{part} {there!r} instead of {here!r}" for part, there, here in zip(parts, one, other, strict=True) if there != here)
    return f"{name!r} has {differ}. They were probably computed before the representation changed: compute them again from this data set."


def _some(names: list[str]) -> str:
    return ", ".join(names[:6]) + (", ..." if len(names) > 6 else "") if names else "none"


def _meaning(slots: tuple[Slot, ...]) -> list[tuple[str, str, str, bool, bool]]:
    return [(slot.name, slot.unit, slot.frame, slot.relative, slot.derived) for slot in slots]
