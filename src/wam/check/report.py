"""What a conformance check found: one finding per check, readable as a table and as JSON."""

import textwrap
from dataclasses import dataclass
from typing import Literal

from wam.world import Spec

Status = Literal["passed", "failed", "skipped"]

WIDTH = 120  # columns of the printed table
ORDER: tuple[Status, ...] = ("passed", "skipped", "failed")  # in the table: what is to be mended stands last, above the prompt


class ConformanceError(AssertionError):
    """At least one check failed; the text is the report's table."""


@dataclass(frozen=True, kw_only=True)
class Finding(Spec):
    """The result of one check."""

    check: str  # name of the check function
    status: Status
    expected: str  # the promise that was checked
    came: str = ""  # what was seen instead; for a skipped check the reason
    cause: str = ""  # likely cause
    remedy: str = ""
    blocked_by: str = ""  # for a skipped check: the failed one without which it cannot run


@dataclass(frozen=True, kw_only=True)
class Report(Spec):
    """All findings about one object. `str(report)` is a table, `report.to_json()` reads back with `Report.from_json`."""

    subject: str  # what was checked, e.g. "my_module:make_model"
    interface: str  # world model | policy | planner | windows | env | inverse dynamics
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """No check failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the failed checks."""
        return tuple(finding.check for finding in self.findings if finding.status == "failed")

    def find(self, check: str) -> Finding:
        """The finding of a check by its name. KeyError where it was not run."""
        named = {finding.check: finding for finding in self.findings}
        return named[check]

    def require(self) -> "Report":
        """Return self, or raise ConformanceError with the table."""
        if not self.ok:
            raise ConformanceError(str(self))
        return self

    def __str__(self) -> str:
        count = {status: sum(finding.status == status for finding in self.findings) for status in ("passed", "failed", "skipped")}
        head = f"{self.interface} {self.subject}: " + ", ".join(f"{number} {status}" for status, number in count.items())
        column = max((len(finding.check) for finding in self.findings), default=0)
        told = sorted((finding for finding in self.findings if not finding.blocked_by), key=lambda finding: ORDER.index(finding.status))
        blocked = [finding for finding in self.findings if finding.blocked_by]
        note = [_wrap("  skipped  ", f"not run, because {blocked[0].blocked_by} failed: {len(blocked)} checks")] if blocked else []
        at = sum(finding.status != "failed" for finding in told)
        lines = [_lines(finding, column) for finding in told]
        return "\n".join([head, *lines[:at], *note, *lines[at:]])


def _lines(finding: Finding, column: int) -> str:
    shown = finding.status.upper() if finding.status == "failed" else finding.status
    said = {"passed": finding.expected, "skipped": f"({finding.came})", "failed": ""}[finding.status]
    lines = [_wrap(f"  {shown:<8} {finding.check:<{column}}  ", said)]
    if finding.status == "failed":
        parts = {"expected": finding.expected, "came": finding.came, "cause": finding.cause, "remedy": finding.remedy}
        lines += [_wrap(f"           {name:<9} ", text) for name, text in parts.items() if text]
    return "\n".join(lines)


def _wrap(start: str, text: str) -> str:
    """`start` and the text beside it, later lines indented below the first."""
    if not text:
        return start.rstrip()
    return textwrap.fill(" ".join(text.split()), width=WIDTH, initial_indent=start, subsequent_indent=" " * len(start))
