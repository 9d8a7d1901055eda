"""Train a recipe in a world by name, which it acts in while it learns.

Knows: worlds by module name and their options, the clock of a preset.   Does not know: models, the command line.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from wam.jobs.record import load_world
from wam.recipes.recipe import Preset, load_recipe
from wam.recipes.runs import Run, practise_recipe
from wam.sim.adapters.goal_seen import GoalSeen
from wam.sim.adapters.moved import Moved
from wam.sim.adapters.skip import Skip
from wam.world import Env, SpecError


def practise_world(
    recipe: str,
    world: str,
    folder: Path,
    *,
    options: Mapping[str, object] | None = None,
    preset: str = "tiny",
    device: str = "cpu",
    change: Callable[[Preset], Preset] | None = None,
    **training: Any,
) -> Run:
    """See `practise_recipe` for what may be said of the training. World and model compute on `device`.

    SpecError for pictures of another size than the preset's.
    """
    module, chosen = load_world(world), load_recipe(recipe).preset(preset)
    chosen = chosen if change is None else change(chosen)

    def make(batch: int) -> Env:
        return as_shown(module.make(batch, device=device, **(options or {})), chosen, device)

    seen = {(camera.height, camera.width) for camera in make(1).spec.observes.cameras.values()}
    if seen and chosen.size is not None and seen != {(chosen.size, chosen.size)}:
        raise SpecError(f"{recipe} {preset} sees pictures of {chosen.size} px, the world {world!r} shows {sorted(seen)}. Pass --option size={chosen.size}.")
    return practise_recipe(recipe, make, described(world, options or {}), folder, preset=preset, device=device, change=change, **training)


def as_shown(env: Env, preset: Preset, device: str = "cpu") -> Env:
    """A world as a preset wants to see it: with its goal beside each frame, at its clock, and on the model's device wherever it computes."""
    moved = env if torch.device(device) == torch.device("cpu") else Moved(env, torch.device(device))
    shown = GoalSeen(moved) if preset.shows_goal else moved
    return Skip(shown, preset.skip) if preset.skip > 1 else shown


def require_named(world: str | None, options: Mapping[str, object]) -> None:
    """ValueError for options of a world that nobody named: they would be left aside in silence."""
    if world is None and options:
        raise ValueError(f"--option {next(iter(options))} is of a world: name it with --world.")


def described(world: str, options: Mapping[str, object]) -> str:
    """A world's name with its options, as they are written on the command line."""
    return " ".join([world, *(f"{name}={value}" for name, value in sorted(options.items()))])
