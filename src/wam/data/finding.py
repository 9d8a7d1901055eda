"""One thing that is wrong with a data set, or may be: where, what, the likely cause, the remedy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from wam.data.errors import DataError

Kind = Literal[
    "empty", "unreadable", "missing", "counts", "short", "time", "nan", "range", "constant", "statistics", "alignment", "blank", "instruction", "unfinished"
]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or may be."""

    kind: Kind
    what: str
    cause: str  # the likely one
    remedy: str
    path: Path | None = None
    episode: int | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        place = ", ".join([f"file {self.path}"] * (self.path is not None) + [f"episode {self.episode}"] * (self.episode is not None))
        return f"{self.severity} [{self.kind}] {place}: {self.what} Likely cause: {self.cause} Remedy: {self.remedy}"


def gathered(findings: Sequence[Finding]) -> list[str]:
    """For people: what was found in several episodes stands once, with their numbers."""
    alike: dict[Finding, list[Finding]] = {}
    for finding in findings:
        alike.setdefault(replace(finding, path=None, episode=None) if finding.episode is not None else finding, []).append(finding)
    return [str(some[0]) if len(some) == 1 else f"{some[0]} The same in {len(some) - 1} more: episodes {_numbers(some[1:])}." for some in alike.values()]


def _numbers(findings: Sequence[Finding]) -> str:
    found = [str(finding.episode) for finding in findings]
    return ", ".join(found) if len(found) <= 12 else f"{', '.join(found[:11])}, ..., {found[-1]}"


def unreadable(error: DataError) -> Finding:
    """A reading error as a finding."""
    counts = "rows in the table" in error.what or "frames from" in error.what
    return Finding(
        "counts" if counts else "unreadable",
        error.what,
        error.cause or "the file was cut off, moved or damaged in copying.",
        error.remedy,
        error.path,
        error.episode if isinstance(error.episode, int) else None,
    )
