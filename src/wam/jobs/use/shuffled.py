"""The control of an evaluation: the same system, trained in the same way with the actions of other windows.

Such a model has seen the same pictures and the same actions, and cannot know what an action does. A model that tells good
policies from bad ones must do better than it.   Each window of a batch is given the actions of the next one; which step of an
episode was executed (`valid`) stays its own.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor, nn

from wam import train
from wam.jobs.at_hand import data_of
from wam.jobs.use.policies import same_run
from wam.recipes.recipe import Preset
from wam.recipes.runs import Run, load, train_recipe
from wam.train.checkpoint import CheckpointError
from wam.train.stage import Derive
from wam.world import Actions, Window, Windows


@dataclass(frozen=True)
class ShuffledActions:
    """Windows whose actions are those of the next window of the batch; in a batch of one its own."""

    windows: Windows

    def __len__(self) -> int:
        return len(self.windows)

    def batch(self, indices: Int[Tensor, "B"]) -> Window:
        """The windows with these numbers."""
        window, order = self.windows.batch(indices), torch.arange(len(indices)).roll(-1)
        past = replace(window.past, actions=_of_others(window.past.actions, order))
        return replace(window, past=past, actions=_of_others(window.actions, order))


def control_of(run: Run, folder: Path, *, device: str = "cpu", show: bool = True) -> Run:
    """The control in `folder`: trained there where there is none, finished where it was stopped, used again where it is done.

    ValueError where it must be trained and the data is not here, and for the run itself; CheckpointError for a run of something else, and for
    one that was stopped where the data is not here.
    """
    if same_run(run.folder, folder):
        raise ValueError(f"{folder} is the model itself, and was named as its own control. Name another folder: where there is none, a control is trained.")
    data = data_of(run)
    if data is None:
        if folder.is_dir():
            return require_control(load(folder, device=device, stopped=True), run)
        told = run.trained_on.data
        raise ValueError(f"the control in {folder} must be trained on what {run.name} learned from, and {told} is not here. Copy that data set to its place.")
    return train_recipe(
        run.recipe.name,
        data,
        folder,
        preset=run.preset_name.removesuffix(", changed"),
        change=lambda _: shuffled_actions(as_trained(run)),
        episodes=run.trained_on.episodes,
        labels=run.labels,
        seed=run.seed,
        device=device,
        resume=folder.is_dir(),
        show=show,
    )


def require_control(found: Run, run: Run) -> Run:
    """A run that was loaded as the control of another. CheckpointError where it learned something else, from something else, or not to its end."""
    base = run.preset_name.removesuffix(", changed")
    pairs = (
        ("recipe", run.recipe.name, found.recipe.name),
        ("preset", f"{base}, changed", found.preset_name),  # with the actions of others
        ("configuration", run.preset.config, found.preset.config),
        ("skip", run.preset.skip, found.preset.skip),
        ("data", run.trained_on.fingerprint, found.trained_on.fingerprint),
        ("share of labels", run.labels, found.labels),
        ("seed", run.seed, found.seed),
        ("steps", [*steps_of(run).values()], [*steps_of(found).values()]),
    )
    if differ := "; ".join(f"{what} {wanted} was expected, it has {there}" for what, wanted, there in pairs if wanted != there):
        raise CheckpointError(f"{found.folder} is no control of {run.folder}: {differ}. Name another folder: where there is none, a control is trained.")
    if found.left:
        raise CheckpointError(
            f"the training of {found.folder} is not over: {found.left}; and what it learns from, {run.trained_on.data}, is not here. "
            "Copy that data set to its place, and it is finished."
        )
    return found


def steps_of(run: Run) -> dict[str, int]:
    """Of each gradient stage, by its name."""
    return {stage.name: stage.learner.steps for stage in as_trained(run).stages if isinstance(stage.learner, train.Gradient)}


def as_trained(run: Run) -> Preset:
    """The preset of a run with the steps that it really took; those of the preset where the run does not say (it was exported)."""
    stages = (
        replace(stage, learner=replace(stage.learner, steps=run.took[stage.name]))
        if isinstance(stage.learner, train.Gradient) and stage.name in run.took
        else stage
        for stage in run.preset.stages
    )
    return replace(run.preset, stages=tuple(stages))


def shuffled_actions(preset: Preset) -> Preset:
    """Every stage learns from windows with the actions of others."""
    return replace(preset, stages=tuple(replace(stage, derives=partial(_derived, stage.derives)) for stage in preset.stages))


def _derived(before: Derive | None, model: nn.Module, windows: Windows, folder: Path) -> Windows:
    return ShuffledActions(windows if before is None else before(model, windows, folder))


def _of_others(actions: Actions, order: Tensor) -> Actions:
    return replace(actions.select(order), valid=actions.valid)
