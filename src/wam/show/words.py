"""Figures as a person reads them."""

from collections.abc import Iterable


def percent(rate: float) -> str:
    """A rate 0 .. 1 with three digits."""
    return f"{100 * rate:.1f} %"


def bracketed(rate: float, low: float, high: float) -> str:
    """A rate with its interval."""
    return f"{100 * rate:.1f} ({100 * low:.1f} to {100 * high:.1f}) %"


def rate(value: float, low: float, high: float) -> str:
    """A rate with its interval, of which whole points are enough."""
    return f"{percent(value)} ({100 * low:.0f} to {100 * high:.0f})"


def points(value: float, low: float, high: float, digits: int = 1) -> str:
    """A difference of rates with its interval, in points of success."""
    middle, least, most = (f"{100 * end:+.{digits}f}" for end in (value, low, high))
    return f"{middle} ({least} to {most})"


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if seconds >= 90:
        return f"{seconds / 60:.1f} min"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def span(values: Iterable[int]) -> str:
    """One number, or from the least to the largest."""
    found = sorted(set(values))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
