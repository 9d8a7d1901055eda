"""A misspelt name and those that there are."""

import difflib
from collections.abc import Iterable


def suggestion(name: str, known: Iterable[str], *, otherwise: str = "") -> str:
    """A sentence: the near name, or else `otherwise`; by default all that there are, as they come."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    return f"Did you mean {near[0]!r}?" if near else otherwise or f"There are {', '.join(names)}."
