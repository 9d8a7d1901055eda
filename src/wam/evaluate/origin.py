"""Where figures come from: what every published number of ours carries."""

import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch

from wam.evaluate.sources import Sources
from wam.plan.control.precision import has_bfloat16
from wam.world import Spec


@dataclass(frozen=True, kw_only=True)
class Origin(Spec):
    """Enough to make the figures again and to notice that they are stale. Empty = not known."""

    command: str
    protocol: str  # a sentence or two: starts, budget, what counts as success
    seeds: str  # which were used for what
    device: str
    wall_seconds: float
    versions: dict[str, str]
    sources: Sources
    recipe: str = ""  # and preset
    commit: str = ""
    data: str = ""  # fingerprint of the data set
    statistics: str = ""  # hash of the statistics
    weights: Sources | None = None  # what trained the models that were judged, where it was not this command

    @property
    def stale(self) -> bool:
        """Has what made or judged it changed?"""
        return self.sources.stale or (self.weights is not None and self.weights.stale)

    @staticmethod
    def now(
        *,
        started: float,
        protocol: str,
        seeds: str,
        sources: Sources,
        device: str = "cpu",
        recipe: str = "",
        data: str = "",
        statistics: str = "",
        weights: Sources | None = None,
    ) -> "Origin":
        """Of figures that are done now. `started`: `time.monotonic()` at the beginning; `sources` as they were then: a run is long."""
        return Origin(
            command=command_line(),
            protocol=protocol,
            seeds=seeds,
            device=device_name(device),
            wall_seconds=time.monotonic() - started,
            versions=versions(),
            sources=sources,
            recipe=recipe,
            commit=commit(),
            data=data,
            statistics=statistics,
            weights=weights,
        )


def command_line() -> str:
    """How this program was started, from the folder that the user was in."""
    spec, program = getattr(sys.modules["__main__"], "__spec__", None), Path(sys.argv[0])
    if program.suffix != ".py":
        started = program.name
    elif spec is not None:
        started = f"python -m {spec.name.removesuffix('.__main__')}"
    else:
        started = f"python {os.path.relpath(program) if program.is_absolute() else program}"
    return " ".join([started, *sys.argv[1:]])


def device_name(device: torch.device | str = "cpu") -> str:
    """A device in words."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    kind = torch.backends.cpu.get_cpu_capability()  # which instructions a processor has
    numbers = " with bfloat16" if has_bfloat16(device) else ""  # what presets that ask for it use
    return f"{device.type}, {_processor()} ({kind}{numbers}), {torch.get_num_threads()} of {os.cpu_count()} cores"


def commit() -> str:
    """Of this library's checkout, with "+" where it has changes that are not committed; "" where there is no checkout or no git."""
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty=+"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Of what figures depend on."""
    return {"wam": _version(), "torch": torch.__version__, "python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}


def _version() -> str:
    try:
        return metadata.version("wam")
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    """Its model where Linux says so."""
    table = Path("/proc/cpuinfo")
    lines = table.read_text().splitlines() if table.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
