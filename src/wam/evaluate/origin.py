"""Where figures come from: what every published number of ours carries."""

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch

from wam.evaluate.sources import Sources
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


def command_line() -> str:
    """How this program was started, without the folder that it lies in."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])


def device_name(device: torch.device | str = "cpu") -> str:
    """A device in words."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type}, {_processor()}, {torch.get_num_threads()} of {os.cpu_count()} cores"


def commit() -> str:
    """Of the working folder, with "+" where it has changes that are not committed; "" where it is no repository."""
    done = subprocess.run(["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=False)
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
