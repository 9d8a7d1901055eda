"""What a recipe says: a card, presets, how to build the model, how to plan with it, and the switch that turns its idea off.

Knows: nothing of any one system.   Does not know: files, runs, the command line.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

import wam.recipes
from wam.data import DataSpec
from wam.plan.objectives import Objective
from wam.train import Gradient, Online, Stage
from wam.world import Planner, Spec, Statistics, with_values
from wam.world.names import suggestion

MACHINERY = ("latent_actions", "latents", "recipe", "remembered", "run_file", "runs", "slower", "usual")  # modules of this package that are not recipes


@dataclass(frozen=True, kw_only=True)
class Card(Spec):
    """Facts about a published system and about ours."""

    title: str
    paper: str  # arXiv number
    place: str  # in the tutorial
    idea: str  # one sentence
    parts: tuple[str, ...]  # what was chosen
    differs: tuple[str, ...]  # from the paper, and why
    data: str  # what it needs
    uses: tuple[str, ...]  # what a trained one is good for here: commands, and rooms of `use`


@dataclass(frozen=True, kw_only=True)
class Preset:
    """One size of a system."""

    config: Any  # the model's frozen dataclass
    stages: tuple[Stage, ...]
    size: int | None = None  # picture height and width; None = as recorded
    skip: int = 1  # recorded frames per model step, in training and in acting
    shows_goal: bool = False  # the task's goal stands beside each frame, for models that read observations only
    planner: Planner | None = None
    horizon: int = 1  # model steps looked ahead
    execute: int = 1  # of them executed before planning again
    proposals: int = 0  # candidates that the model itself proposes
    bf16: bool = False  # plan under bfloat16 autocast, where the machine has it

    @property
    def past(self) -> int:
        """Frames that it sees before it predicts, while it learns: the most of any stage."""
        learners = [stage.learner.learner if isinstance(stage.learner, Online) else stage.learner for stage in self.stages]
        return max((learner.past for learner in learners if isinstance(learner, Gradient)), default=1)

    @property
    def practises(self) -> bool:
        """Does it learn from a world that it acts in, rather than from a data set?"""
        return any(isinstance(stage.learner, Online) for stage in self.stages)

    def kept(self, model: Any) -> Any:
        """The configuration that builds the networks of a model of this preset again, from its checkpoint alone."""
        return self.config

    def begun(self) -> "Preset":
        """As a training begins with it, even where it is that of a loaded run: without what `kept` added."""
        return self

    def shortened(self, share: float) -> "Preset":
        """The same, learned in this share of the gradient steps of every stage."""
        return replace(self, stages=tuple(_shortened(stage, share) for stage in self.stages))


def configured(preset: Preset, values: Mapping[str, Any]) -> Preset:
    """The same with these values in its configuration. SpecError for names and types that it does not have."""
    return replace(preset, config=with_values(preset.config, values))


def _shortened(stage: Stage, share: float) -> Stage:
    """What is not learned by gradient stays as it is."""
    learner = stage.learner
    return replace(stage, learner=replace(learner, steps=round(share * learner.steps))) if isinstance(learner, Gradient) else stage


@dataclass(frozen=True, kw_only=True)
class Mechanism:
    """The one switch that turns the paper's idea off."""

    name: str
    off: Callable[[Preset], Preset]
    on: Callable[[Preset], Preset] | None = None  # what differs from `off` in the idea alone; None: the preset itself does
    trained: bool = True  # does switching it off need a training of its own, or is the same model used without it


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A published system as a point in the design space."""

    name: str  # of the module
    card: Card
    presets: Mapping[str, Preset]  # by name, see `jobs.listing.PRESETS`
    build: Callable[[Any, DataSpec, Statistics], nn.Module]  # (config, what the windows show, statistics)
    objective: Objective[Any] | None = None  # for planning with a world model
    mechanism: Mechanism | None = None

    def preset(self, name: str) -> Preset:
        """By name; ValueError that lists the names."""
        if name not in self.presets:
            raise ValueError(f"{self.name} has no preset {name!r}; it has {', '.join(self.presets)}.")
        return self.presets[name]


def recipe_names() -> tuple[str, ...]:
    """Module names of all recipes."""
    return tuple(sorted(found.name for found in pkgutil.iter_modules(wam.recipes.__path__) if found.name not in MACHINERY))


def load_recipe(name: str) -> Recipe:
    """The recipe of that module name; ValueError that suggests what was meant."""
    if name not in recipe_names():
        hint = suggestion(name, recipe_names(), otherwise="`wam list` shows them all.")
        own = " A model of your own is trained in Python: docs/own-model.md." if ":" in name or "." in name else ""
        raise ValueError(f"there is no recipe {name!r}. {hint}{own}")
    recipe: Recipe = importlib.import_module(f"wam.recipes.{name}").RECIPE
    return recipe


def all_recipes() -> tuple[Recipe, ...]:
    """Every recipe, by name."""
    return tuple(load_recipe(name) for name in recipe_names())
