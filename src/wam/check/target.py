"""`wam check my_module:make_model`: import, call, find out which interface it declares, and check it.

The current folder is importable while the target is imported, as it is for `python my_module.py`. Every way in which this can
go wrong is a TargetError that says what to do.
"""

import difflib
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from wam.check.env import check_env
from wam.check.planner import check_planner
from wam.check.report import Report
from wam.check.runner import describe
from wam.check.views import check_views
from wam.check.windows import check_windows
from wam.world import Env, EnvSpec, Planner, Policy, PolicySpec, Windows, WorldModel, WorldModelSpec

HOW = "A target is `module:factory`, e.g. `wam check my_module:make_model`, where factory() makes the object."


class TargetError(ValueError):
    """A target that names nothing checkable."""


def check_target(target: str, *, device: torch.device | str = "cpu") -> tuple[Report, ...]:
    """Import `module:factory`, call it, and run the checks of the interface that the result declares, and of each view that it gives."""
    make = _load(target)
    made = _call(make, target)
    interface = _interface(made, target)
    if interface in ("world model", "policy"):
        return check_views(made, make=make, device=device, name=target)
    if interface == "env":
        return (check_env(made, name=target),)
    if interface == "windows":
        return (check_windows(made, name=target),)
    return (check_planner(made, device=device, name=target),)


def _load(target: str) -> Callable[[], Any]:
    """The factory that the target names."""
    module_name, colon, name = target.partition(":")
    if not (module_name and colon and name):
        raise TargetError(f"{target!r} is no target. {HOW}")
    if module_name.endswith(".py") or "/" in module_name:
        dotted = module_name.removesuffix(".py").replace("/", ".").strip(".")
        raise TargetError(f"{module_name!r} is a path. Write the module's name instead: {dotted}:{name}")
    with _here_importable():
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            raise TargetError(_not_found(error, module_name)) from error
        except SystemExit as error:
            raise TargetError(f"importing {module_name!r} runs a program that exits. Put its start under `if __name__ == '__main__':`.") from error
        except Exception as error:
            raise TargetError(f"importing {module_name!r} raised {describe(error)}. The module itself has a bug; import it by hand to see more.") from error
    found: Any = module
    for part in name.split("."):
        if part not in dir(found):
            known = [entry for entry in dir(found) if not entry.startswith("_")]
            near = difflib.get_close_matches(part, known, n=3)
            raise TargetError(
                f"{module_name!r} has no {name!r}. " + (f"Did you mean {', '.join(near)}?" if near else f"It has: {', '.join(known) or 'nothing'}.")
            )
        found = getattr(found, part)
    if inspect.ismodule(found) or not callable(found) or _interfaces(found):
        raise TargetError(f"{target} is a {type(found).__name__}, not a function that makes something. Write `def make(): return ...` and name that.")
    factory: Callable[[], Any] = found
    return factory


def _not_found(error: ModuleNotFoundError, module_name: str) -> str:
    missing = error.name or ""
    if module_name == missing or module_name.startswith(f"{missing}."):
        return f"there is no module {missing!r}. Run from the folder that holds it, or install its package. Searched also: {Path.cwd()}."
    return f"{module_name!r} imports {missing!r}, which is not installed. Install it in this environment: {sys.prefix}."


def _call(make: Callable[[], Any], target: str) -> Any:
    """What the factory makes."""
    try:
        inspect.signature(make).bind()
    except TypeError as error:
        raise TargetError(f"{target} cannot be called without arguments: {error}. Give them defaults, or write a small factory that passes them.") from error
    except ValueError:
        pass  # some built-in callables have no signature; calling will tell
    try:
        return make()
    except Exception as error:
        raise TargetError(f"{target}() raised {describe(error)}. Call it by hand to see more.") from error


def _interfaces(made: Any) -> list[str]:
    """The interfaces that an object (not a class) declares."""
    if inspect.isclass(made):
        return []
    spec = getattr(made, "spec", None)
    declared = {
        "world model": isinstance(made, WorldModel) and not isinstance(spec, (PolicySpec, EnvSpec)),
        "policy": isinstance(made, Policy) and not isinstance(spec, (WorldModelSpec, EnvSpec)),
        "env": isinstance(made, Env),
        "windows": isinstance(made, Windows),
        "planner": isinstance(made, Planner),
    }
    return [name for name, does in declared.items() if does]


def _interface(made: Any, target: str) -> str:
    found = _interfaces(made)
    if len(found) == 1:
        return found[0]
    if found:
        raise TargetError(f"{target}() made a {type(made).__name__} that is a {' and a '.join(found)}. Give one view of it, e.g. model.as_world_model().")
    methods = {
        "world model": ("spec", "begin", "observe", "predict"),
        "policy": ("spec", "begin", "act"),
        "env": ("spec", "batch", "reset", "step", "truth", "save", "restore"),
        "windows": ("__len__", "batch"),
        "planner": ("plan",),
    }
    present = set(dir(made))
    lacking = [f"for a {name}: {', '.join(part for part in parts if part not in present)}" for name, parts in methods.items() if present & set(parts[1:])]
    wants = f"It lacks, {'; '.join(lacking)}." if lacking else "It has none of the methods of a world model, policy, env, windows or planner."
    raise TargetError(f"{target}() made a {type(made).__name__}, which has no known interface. {wants} The interfaces are in wam.world.protocols.")


@contextmanager
def _here_importable() -> Iterator[None]:
    """The current folder on the import path, for a while."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
