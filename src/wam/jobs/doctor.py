"""What works on this machine: each part that the library needs is tried, and what is missing says how to get it.

A trial does what a user would do, with the same code: record a few episodes and read them back, draw a picture without a display, train
a few steps. Does not know: how any of it is done.
"""

import io
import json
import platform
import re
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import torch

from wam.evaluate import device_name
from wam.plan.control.precision import has_bfloat16
from wam.world import Spec

TRIED = 60  # training steps
RECIPE = "lewm"  # that of `wam demo`


@dataclass(frozen=True, kw_only=True)
class Part(Spec):
    """One line of the table. `ok` None: not installed, which is no fault where it is not needed."""

    what: str
    ok: bool | None
    found: str
    remedy: str = ""


def doctor(tell: Callable[[Part], None] = lambda part: None, trying: Callable[[str], None] = lambda what: None) -> list[Part]:
    """All parts; `tell` is given each as soon as it is known, `trying` the name of what takes seconds before it begins."""
    found = list[Part]()
    slow = {data: "data sets", picture: "MuJoCo's pictures", training: "training"}
    for part in (machine, accelerator, *(lambda name=name: extra(name) for name in extras()), *slow):
        if part in slow:
            trying(slow[part])
        found.append(part())
        tell(found[-1])
    return found


def machine() -> Part:
    """Processor, Python, torch, and whether presets train in bfloat16 here."""
    fast = has_bfloat16(torch.device("cpu"))
    told = "presets train in bfloat16" if fast else "presets train in float32, which is faster here"
    return Part(what="machine", ok=True, found=f"{device_name()}; {told}; Python {platform.python_version()}, torch {torch.__version__}")


def accelerator() -> Part:
    """The device that `--device` can name beside the processor."""
    if not torch.accelerator.is_available():
        return Part(what="accelerator", ok=None, found="none", remedy="Everything tiny runs without; sizes from small on are meant for a GPU.")
    here = torch.accelerator.current_accelerator()
    assert here is not None
    return Part(what="accelerator", ok=True, found=f"{here.type}: {device_name(here)}", remedy=f"Use it with --device {here.type}.")


def extras() -> list[str]:
    """Those for users, by name."""
    known = metadata.metadata("wam").get_all("Provides-Extra") or []
    return sorted(set(known) - {"all", "dev", "test"})


def extra(name: str) -> Part:
    """Which packages of an extra are there, and in which version."""
    needed = [re.split(r"[^\w.-]", line)[0] for line in metadata.requires("wam") or [] if re.search(rf"extra == ['\"]{name}['\"]", line)]
    there = {package: _version(package) for package in needed}
    missing = [package for package, version in there.items() if not version]
    words = ", ".join(f"{package} {version or 'missing'}" for package, version in there.items())
    apart = " It needs an environment of its own: it does not go with MuJoCo 4." if name == "control-suite" else ""
    remedy = f'pip install "wam[{name}]".{apart}' if missing else ""
    return Part(what=f"extra {name}", ok=None if missing else True, found=words, remedy=remedy)


def data() -> Part:
    """Record four episodes of `push` and read them back: simulation, tables, video."""

    def trial() -> str:
        from wam.data import cached_frames, open_dataset
        from wam.jobs.record import record_world

        with tempfile.TemporaryDirectory() as folder:
            frames = cached_frames(open_dataset(record_world("push", Path(folder) / "set", episodes=4)))
            return f"4 episodes, {int(frames.lengths.sum())} frames, written and read"

    return tried("data sets", trial)


def picture() -> Part:
    """One picture of the arm at its table."""

    def trial() -> str:
        from wam.jobs.record import load_world

        seen, _ = load_world("tabletop").make(1).reset(torch.ones(1, dtype=torch.bool), torch.zeros(1, dtype=torch.int64))
        flat = [name for name, rgb in (seen.rgb or {}).items() if not rgb.float().std() > 0]
        if flat:
            raise RuntimeError(f"the pictures of {flat} have one colour: the driver draws nothing. MUJOCO_GL=egl, osmesa and glfw are other ways to draw.")
        return f"cameras {', '.join(sorted(seen.rgb or {}))}"

    return tried("MuJoCo's pictures", trial)


def training() -> Part:
    """A few steps of the demo's training, and how long all of it would take."""

    def trial() -> str:
        from wam.jobs.record import record_world
        from wam.recipes import load_recipe, train_recipe
        from wam.train import Gradient

        learner = load_recipe(RECIPE).preset("tiny").stages[0].learner
        assert isinstance(learner, Gradient)
        with tempfile.TemporaryDirectory() as folder:
            recorded = record_world("push", Path(folder) / "set", episodes=16)
            with redirect_stderr(io.StringIO()):  # stopped, it would say how to go on with a run in a folder that is gone by then
                run = train_recipe(RECIPE, recorded, Path(folder) / "run", steps=TRIED, show=False)
            last = json.loads((run.folder / "log.jsonl").read_text().splitlines()[-1])
        speed = last["samples_per_second"]
        minutes = learner.steps * learner.batch / speed / 60
        return f"{speed:.0f} windows/s on {torch.get_num_threads()} threads: the training of `wam demo` takes about {minutes:.0f} minutes"

    return tried("training", trial)


def tried(what: str, trial: Callable[[], str]) -> Part:
    """What a trial found, or what stopped it. What the library says has to be installed first is no fault."""
    try:
        return Part(what=what, ok=True, found=trial())
    except Exception as error:  # whatever it is, the person who asked what works wants to read it
        absent = isinstance(error, ImportError) and "pip install" in str(error)
        return Part(what=what, ok=None if absent else False, found="not tried" if absent else type(error).__name__, remedy=str(error))


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
