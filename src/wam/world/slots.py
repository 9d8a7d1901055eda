"""One number of an action, of proprioception or of a state: its name, unit, meaning and limits; and checks that slots share."""

import math
from dataclasses import dataclass

import torch

from wam.world.record import Record, RecordError
from wam.world.spec import Spec, SpecError, expect


@dataclass(frozen=True, kw_only=True)
class Slot(Spec):
    """One number of an action or of proprioception."""

    name: str
    unit: str = ""
    meaning: str = ""
    frame: str = "world"  # frame of reference
    relative: bool = False  # a change or a rate (0 = stand still), or an absolute value
    low: float = -float("inf")
    high: float = float("inf")
    derived: bool = False  # computed from states, not recorded as commanded

    def __post_init__(self) -> None:
        expect(self, "low", self.low <= self.high, f"at most high = {self.high}; the limits of {self.name!r} are probably the wrong way round")


def ask_names(spec: Spec, *fields: str) -> None:
    """Slots are found by name, so a name may stand only once."""
    for field in fields:
        names = [slot.name for slot in getattr(spec, field)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise SpecError(f"{type(spec).__name__}.{field} has the slots {names}, expected every name once. Rename the repeated {twice}.")


def in_another_unit(slot: Slot, values: torch.Tensor) -> str:
    """Says so of values beyond the slot's limits by more than they span, else empty: a real robot may go a little beyond."""
    span = slot.high - slot.low
    beyond = values[(values - values.clamp(slot.low, slot.high)).abs() > span]
    if not 0 < span < math.inf or not beyond.numel():
        return ""
    limits = f"{slot.low:g} to {slot.high:g} {slot.unit}".rstrip()
    return f"{beyond[0]:g} for {slot.name!r}, expected {limits}. Another unit, such as degrees for radians, is the usual cause"


def structure_problems(value: Record) -> list[str]:
    """What does not fit the record's own axes; empty when all is well."""
    try:
        value.check()
    except RecordError as error:
        return [str(error)]
    return []


def outside(what: str, slots: tuple[Slot, ...], values: torch.Tensor, valid: torch.Tensor) -> list[str]:
    """Which slots leave their limits where they are valid; a little room for float32."""
    found = []
    for index, slot in enumerate(slots):
        column = values[..., index][valid]
        margin = 1e-5 * max((abs(limit) for limit in (slot.low, slot.high) if math.isfinite(limit)), default=0.0)  # float32
        if column.numel() and not bool(((column >= slot.low - margin) & (column <= slot.high + margin)).all()):
            spans = f"{column.min():.4g} .. {column.max():.4g} {slot.unit}".rstrip()
            found.append(
                f"{what} {slot.name!r} spans {spans}, its limits are {slot.low:.4g} .. {slot.high:.4g}. "
                "NaN, a wrong unit or a normalised action are the usual causes."
            )
    return found
