"""Who may import whom, as the house says, read from the source; and importing touches nothing.

The table is data. A room is a folder or a file of `src/wam`, or a part of one; the longest name that fits a module is its room. A room may
import itself, what lies inside it, and the rooms in its row. Imports inside functions and under TYPE_CHECKING count too.
"""

import ast
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src"

LEVEL_ONE = ("files", "models", "evaluate", "train", "use", "show", "serve", "check", "sim", "data", "nets", "plan", "world")
MODELS = ("world", "nets", "plan")  # what every kind of model may import
STATES = (*MODELS, "models.actions")

ROOMS: dict[str, tuple[str, ...]] = {
    "world": (),
    "listening": ("world",),
    "files": (),
    "sim": ("world",),
    "sim.adapters": ("world", "sim.engines"),
    "sim.engines": ("world",),
    "data": ("world", "files"),
    "nets": ("world",),
    "nets.blocks": ("world",),
    "nets.generate": ("world", "nets.blocks"),
    "nets.perceive": ("world", "nets.blocks"),
    "plan": ("world",),
    "models": MODELS,
    "models.actions": MODELS,
    "models.observation_space": STATES,
    "models.state_space": STATES,
    "models.state_space.latent": STATES,
    "models.state_space.tracks": STATES,
    "models.state_space.symbolic": STATES,
    "models.state_space.physical": (*STATES, "sim.engines"),
    "models.policies": (*STATES, "models.observation_space", "models.state_space"),
    "models.world_action": (*STATES, "models.observation_space", "models.state_space", "models.policies"),
    "evaluate": ("world", "files", "plan.control"),
    "train": ("world", "files", "data", "plan.control", "evaluate"),
    "use": ("world", "sim.adapters", "data", "plan", "models.policies", "evaluate", "train"),
    "show": ("world", "listening", "evaluate"),
    "serve": ("world", "listening", "plan.control"),
    "check": ("world",),
    "recipes": LEVEL_ONE,
    "jobs": (*LEVEL_ONE, "recipes"),
    "cli": (*LEVEL_ONE, "recipes", "jobs"),
    "__main__": ("cli",),
    "": (*LEVEL_ONE, "recipes", "jobs", "cli"),  # wam/__init__: the public surface
}


def within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


def room_of(module: str) -> str | None:
    """The longest room that a module lies in; None for a folder that the table does not know."""
    if module == "":
        return ""
    return max((room for room in ROOMS if room and within(module, room)), key=len, default=None)


def modules(source: Path) -> dict[str, Path]:
    """Names below `wam` ("" = the package itself) of every file."""
    found = {}
    for path in sorted((source / "wam").rglob("*.py")):
        parts = path.relative_to(source / "wam").with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> list[tuple[int, str]]:
    """(line, module below `wam`) of everything of `wam` that a file imports."""
    package = ["wam", *name.split(".")] if name else ["wam"]
    if path.name != "__init__.py":
        package = package[:-1]
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            inner = [f"{origin}.{alias.name}" for alias in node.names]
            targets = [full if full.removeprefix("wam.") in known else origin for full in inner]
        else:
            continue
        found += [(node.lineno, target.removeprefix("wam").removeprefix(".")) for target in targets if target.split(".")[0] == "wam"]
    return found


def violations(source: Path) -> list[str]:
    """One line for each import that the table does not allow."""
    known, found = modules(source), []
    for name, path in known.items():
        room = room_of(name)
        if room is None:
            found.append(f"{path.relative_to(source)}: no row of the table knows this place. Give it one here and in docs/house.md.")
            continue
        for line, target in imports(name, path, known):
            there = room_of(target)
            if there == room or within(target, room) or any(within(target, allowed) for allowed in ROOMS[room]):
                continue
            may = ", ".join(ROOMS[room]) or "nothing"
            found.append(f"{path.relative_to(source)}:{line} imports {f'wam.{target}'.rstrip('.')}, but {room or 'wam/__init__'} may import {may}.")
    return found


def test_imports_point_in_one_direction() -> None:
    found = violations(SOURCE)
    assert not found, "\n" + "\n".join(found)


def test_no_recipe_needs_another() -> None:
    """What they share lies in modules that are none."""
    known = modules(SOURCE)
    recipes = {name for name, path in known.items() if name.startswith("recipes.") and "\nRECIPE = " in path.read_text()}
    assert len(recipes) > 10 and not [(name, target) for name in recipes for _, target in imports(name, known[name], known) if target in recipes - {name}]


def test_the_table_has_no_circle_and_names_only_rooms() -> None:
    """A room stands for all rooms around it too: models.policies may import models.state_space, which must not lead back."""
    leads = {room: set(allowed) for room, allowed in ROOMS.items()}
    assert {name for allowed in leads.values() for name in allowed} <= ROOMS.keys() | {"plan.control"}
    for room in ROOMS:
        reached, open_rooms = set(), set(leads[room])
        while open_rooms:
            step = open_rooms.pop()
            reached.add(step)
            open_rooms |= leads.get(step, set()) - reached
        assert room not in reached, f"{room or 'wam/__init__'} can reach itself"


PLANTED = {
    "world/record.py": ("from wam.nets import blocks", "wam.nets.blocks"),
    "nets/blocks/mlp.py": ("def f():\n    import wam.plan.problem", "wam.plan.problem"),
    "nets/generate/flow.py": ("from ..perceive import text", "wam.nets.perceive"),
    "sim/engines/planar.py": ("from wam.sim.worlds import push", "wam.sim.worlds"),
    "models/state_space/latent/lewm.py": ("from wam.models.state_space.tracks import points", "wam.models.state_space.tracks"),
    "models/state_space/symbolic/strips.py": ("from wam.sim.engines import planar", "wam.sim.engines.planar"),
    "models/actions/ladder.py": ("from wam.models.policies.cloning import Cloning", "wam.models.policies.cloning"),
    "evaluate/success.py": ("from wam.plan.problem import Problem", "wam.plan.problem"),
    "train/loop.py": ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from wam.models import lewm", "wam.models"),
    "use/rerank.py": ("from wam.recipes.lewm import build", "wam.recipes"),
    "check/runner.py": ("from wam import load", "imports wam, but"),
    "elsewhere/new.py": ("import math", "no row of the table knows this place"),
}
INNOCENT = {
    "__init__.py": "from wam.recipes.lewm import build as load",
    "cli.py": "import wam.recipes.lewm\nfrom wam.show import report",
    "recipes/lewm.py": "from wam.models.state_space.latent.lewm import Model\nfrom wam.recipes.recipe import Recipe\nimport torch",
    "recipes/demo.py": "from wam.recipes import lewm\nfrom wam.show import report",
    "nets/generate/masked.py": "from wam.nets.blocks.mlp import MLP\nfrom . import flow\nfrom wam.nets.generate import regression",
    "models/state_space/physical/fitted.py": "from wam.sim.engines.planar import Engine",
    "models/world_action/joint.py": "from wam.models.policies.cloning import Cloning\nfrom wam.models.state_space.latent import lewm",
    "sim/worlds/push/world.py": "from wam.sim.engines.planar import Engine\nfrom .scene import Scene",
    "plan/control/rollout.py": "from wam.plan.problem import Problem",
    "evaluate/card.py": "from wam.plan.control.rollout import rollout",
}


def build(source: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = source / "wam" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_import_is_found(name: str, tmp_path: Path) -> None:
    text, message = PLANTED[name]
    build(tmp_path, {"nets/blocks/__init__.py": "", "sim/engines/planar.py": "", "plan/problem.py": "", **INNOCENT, name: text})
    (found,) = violations(tmp_path)
    assert found.startswith(f"wam/{name}:") and message in found


def test_innocent_imports_pass(tmp_path: Path) -> None:
    build(tmp_path, INNOCENT)
    assert violations(tmp_path) == []


# -- importing only defines names ------------------------------------------------------------------------------------------------

PROBE = """
    import importlib, os, pkgutil, random, socket, sys, threading
    import numpy, torch

    def state():
        return {
            "environment": dict(os.environ),
            "torch seed": torch.initial_seed(),
            "torch generator": torch.get_rng_state().tolist(),
            "NumPy generator": str(numpy.random.get_state()),
            "Python generator": random.getstate(),
            "threads": (torch.get_num_threads(), threading.active_count()),
            "defaults": (torch.get_default_dtype(), str(torch.get_default_device()), torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled()),
            "precision": torch.get_float32_matmul_precision(),
            "devices": (torch.cuda.is_initialized(), torch.xpu.is_initialized()),
            "folder": os.getcwd(),
        }

    def refuse(*arguments, **options):
        raise AssertionError("importing opened a connection")

    class NoExtras:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in EXTRAS:
                raise ModuleNotFoundError(f"{name} belongs to an extra and is not part of the base install", name=name)

    EXTRAS = WITHOUT
    if EVERYTHING:
        import rich.progress, rich.table, typer  # rich draws from Python's generator while it is imported: its doing, not ours
    socket.socket.connect = refuse
    sys.meta_path.insert(0, NoExtras())
    before = state()
    import wam
    if EVERYTHING:
        for module in pkgutil.walk_packages(wam.__path__, "wam."):
            if not module.name.endswith("__main__") and not module.name.startswith(tuple(OPTIONAL)):
                importlib.import_module(module.name)
    after = state()
    changed = [what for what in before if before[what] != after[what]]
    assert not changed, f"importing changed: {changed}"
    print("untouched")
"""

EXTRAS = [
    "pyarrow",
    "av",
    "PIL",
    "matplotlib",
    "tensorboard",
    "accelerate",
    "gymnasium",
    "huggingface_hub",
    "mujoco",
    "transformers",
    "diffusers",
    "websockets",
    "msgpack",
]
OPTIONAL = ["wam.show", "wam.serve"]  # rooms that are of no use without their extra


@pytest.mark.parametrize("everything", [False, True], ids=["wam", "every module"])
def test_importing_touches_no_device_environment_or_seed(everything: bool) -> None:
    """In a fresh process, without the extras: the base install is enough to import what is not optional."""
    settings = f"WITHOUT, OPTIONAL, EVERYTHING = {EXTRAS!r}, {OPTIONAL!r}, {everything!r}\n"
    script = settings + textwrap.dedent(PROBE)
    done = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "untouched"
