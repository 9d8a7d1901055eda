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
from wam.recipes.recipe import Preset
from wam.recipes.runs import Run, load, train_recipe
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

    ValueError where it must be trained and the data is not here; CheckpointError for a run of something else.
    """
    data = run.trained_on.data
    if not Path(data).exists():
        if folder.is_dir():
            return load(folder, device=device)
        raise ValueError(f"the control in {folder} must be trained on what {run.name} learned from, and {data} is not here. Copy that data set to its place.")
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


def as_trained(run: Run) -> Preset:
    """The preset of a run with the steps that it really took; those of the preset where the run does not say (it was exported)."""
    took = {stage["name"]: stage["learner"].get("steps") for stage in train.load(run.folder).place.stages}
    stages = (
        replace(stage, learner=replace(stage.learner, steps=took[stage.name])) if isinstance(stage.learner, train.Gradient) and stage.name in took else stage
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
