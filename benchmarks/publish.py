"""Speed as published results, and docs/speed.md from them.

make benchmarks          all of them, on a quiet machine, then the page
python benchmarks/publish.py    the page alone, from results/speed_*.json
"""

import time
from dataclasses import dataclass
from pathlib import Path

from wam.evaluate import Origin, Result, Sources, command_line, commit, device_name, versions
from wam.world import Spec

ROOT = Path(__file__).parent.parent
STARTED = time.monotonic()


@dataclass(frozen=True, kw_only=True)
class Figure(Spec):
    """One measured number. With a bar: at least (or at most) so much is asked."""

    what: str
    value: float
    unit: str  # "x" = a ratio within this run
    bar: float | None = None
    at_most: bool = False

    def __str__(self) -> str:
        asked = "" if self.bar is None else f"{'at most' if self.at_most else 'at least'} {self.bar:g}"
        kept = "" if self.bar is None else "yes" if (self.value <= self.bar if self.at_most else self.value >= self.bar) else "**no**"
        value = f"{self.value:,.0f}" if self.value >= 100 else f"{self.value:.3g}"
        return f"| {self.what} | {value} {self.unit} | {asked} | {kept} |"


@dataclass(frozen=True, kw_only=True)
class Speed(Result):
    """What one benchmark measured."""

    title: str
    figures: tuple[Figure, ...]


def publish(path: Path, title: str, figures: list[Figure], *, protocol: str, sources: tuple[str, ...], device: str = "cpu") -> None:
    """Write results/speed_*.json."""
    origin = Origin(
        command=command_line(),
        protocol=protocol,
        seeds="fixed",
        device=device_name(device),
        wall_seconds=time.monotonic() - STARTED,
        versions=versions(),
        sources=Sources.of(*sources),
        commit=commit(),
    )
    Speed(title=title, figures=tuple(figures), origin=origin).save(path)


def page() -> str:
    """All published speeds as one page."""
    lines = [
        "# Speed",
        "",
        "Ratios hold within one run on one machine; absolute numbers are that machine's. "
        "Written from `results/speed_*.json` by `make benchmarks`; what was timed on another machine besides names it. "
        "Asked: the bar that was set beforehand; kept: whether it is met.",
        "",
    ]
    every = [Speed.read(path) for path in sorted((ROOT / "results").glob("speed_*.json"))]
    for found in every:
        machine = f", on {found.origin.device.split(', ')[1]}" if [other.title for other in every].count(found.title) > 1 else ""
        lines += [f"## {found.title}{machine}", "", f"`{found.origin.command}`, {found.origin.device}. {found.origin.protocol}", ""]
        lines += ["| what | measured | asked | kept |", "| --- | --- | --- | --- |", *map(str, found.figures), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    (ROOT / "docs" / "speed.md").write_text(page())
