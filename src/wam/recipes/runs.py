"""A recipe meets data: training runs, and what they load as.

A run is the folder that `wam.train` writes; beside its checkpoints lies `run.json` with the data that it was trained on.
Knows: recipes, data, training, planning.   Does not know: the command line.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch

from wam import train
from wam.data import DataSpec, Frames, WindowDataset, as_episodes, cached_frames, compute_statistics, open_dataset
from wam.plan.control.receding import RecedingHorizon
from wam.plan.control.safety import Safety
from wam.recipes.recipe import Preset, Recipe, load_recipe
from wam.train.checkpoint import CheckpointError
from wam.world import Policy, SpecError, WorldModel, WorldModelSpec

FILE = "run.json"


@dataclass(frozen=True)
class Run:
    """A trained model, and what belongs to it."""

    folder: Path
    recipe: Recipe
    preset_name: str
    preset: Preset
    model: Any  # nn.Module, and a WorldModel or a Policy
    data: DataSpec  # what its windows showed
    trained_on: dict[str, Any]  # path, fingerprint and episodes of the data set

    @property
    def name(self) -> str:
        """Recipe and preset."""
        return f"{self.recipe.name} {self.preset_name}"

    def policy(self, *, safety: Safety | None = None) -> Policy[Any]:
        """How it acts: the model itself where it is a policy, planning with the preset's planner where it is a world model."""
        if not isinstance(self.model.spec, WorldModelSpec):
            policy: Policy[Any] = self.model
            return policy
        if self.preset.planner is None or self.recipe.objective is None:
            raise SpecError(f"the recipe {self.recipe.name!r} declares no planner, so its model cannot act. Make a RecedingHorizon with one of your own.")
        model: WorldModel[Any] = self.model
        return RecedingHorizon(
            model,
            self.preset.planner,
            self.recipe.objective,
            horizon=self.preset.horizon,
            execute=self.preset.execute,
            safety=safety,
            autocast=torch.bfloat16 if self.preset.bf16 else None,
        )


def frames_for(preset: Preset, data: str | Path, episodes: Sequence[int] | None = None, progress: Callable[[int, int], None] | None = None) -> Frames:
    """The frames of a data set as a preset wants to see them."""
    size = None if preset.size is None else (preset.size, preset.size)
    dataset = open_dataset(data)
    recorded = {(camera.height, camera.width) for camera in dataset.spec.observes.cameras.values()}
    return cached_frames(dataset, size=None if recorded == {size} else size, episodes=episodes, progress=progress)


def train_recipe(
    name: str,
    data: str | Path,
    folder: Path,
    *,
    preset: str | Preset = "tiny",
    episodes: Sequence[int] | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    resume: bool = False,
    tensorboard: bool = False,
    show: bool = True,
) -> Run:
    """Train a recipe on a data set (a folder, or a Hub id where there is a network). `episodes`: which to learn from, all by default.

    `steps` replaces the steps of every gradient stage. The model's weights start from `seed` alone.
    """
    recipe = load_recipe(name)
    chosen = recipe.preset(preset) if isinstance(preset, str) else preset
    if steps is not None:
        chosen = replace(chosen, stages=tuple(_shortened(stage, steps) for stage in chosen.stages))
    frames = frames_for(chosen, data, episodes)
    shown = WindowDataset(frames, skip=chosen.skip).spec
    statistics = compute_statistics(frames, shown)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: Any = recipe.build(chosen.config, shown, statistics)
    preset_name = preset if isinstance(preset, str) else "own"
    provenance = train.Provenance(
        spec=model.spec, statistics=statistics.for_proprio(model.spec.observes.proprio), recipe=name, preset=preset_name, config=asdict(chosen.config)
    )

    trained_on = {"data": str(data), "episodes": None if episodes is None else list(episodes), "frames": int(frames.lengths.sum())}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps({"data": shown.to_dict(), "trained_on": trained_on, "seed": seed}, indent=2))
    train.run(
        model,
        chosen.stages,
        windows=train.windows_from(frames, skip=chosen.skip),
        provenance=provenance,
        folder=folder,
        episodes=lambda: as_episodes(frames),
        seed=seed,
        device=device,
        resume=resume,
        tensorboard=tensorboard,
        show=show,
    )
    return Run(folder, recipe, preset_name, chosen, model.eval(), shown, trained_on)


def load(folder: str | Path, *, device: str = "cpu") -> Run:
    """A trained run, ready to imagine and to act. CheckpointError where it is incomplete or of a recipe outside `wam.recipes`."""
    folder = Path(folder)
    checkpoint = train.load(folder)
    about = checkpoint.provenance
    if not about.recipe:
        raise CheckpointError(
            f"{folder} holds a model of your own, which wam cannot build. Build it yourself, then train.load({str(folder)!r}).restore(model)."
        )
    if not (folder / FILE).exists():
        raise CheckpointError(f"{folder / FILE} is missing: the run was copied in part. Copy the whole folder, run.json included.")
    recipe, told = load_recipe(about.recipe), json.loads((folder / FILE).read_text())
    preset = recipe.presets.get(about.preset) or next(iter(recipe.presets.values()))
    config = type(preset.config)(**about.config)
    data = DataSpec.from_dict(told["data"])
    model: Any = recipe.build(config, data, about.statistics)
    checkpoint.restore(model)
    return Run(folder, recipe, about.preset, replace(preset, config=config), model.to(device).eval(), data, told["trained_on"])


def export(folder: str | Path, target: str | Path) -> Path:
    """A copy of a run to hand on: what `load` needs, matrices and kernels in half precision, no optimiser, no log."""
    run, target = load(folder), Path(target)
    for parameter in run.model.parameters():
        if parameter.ndim > 1:
            parameter.data = parameter.data.half()
    if wrong := [name for name, value in run.model.named_parameters() if not bool(value.isfinite().all())]:
        raise CheckpointError(f"the weights {wrong[:4]} are NaN or too large for half precision. The training diverged: export another run.")
    train.save(target, run.model, train.load(folder).provenance)
    shutil.copy(run.folder / FILE, target / FILE)
    return target


def _shortened(stage: train.Stage, steps: int) -> train.Stage:
    return replace(stage, learner=replace(stage.learner, steps=steps)) if isinstance(stage.learner, train.Gradient) else stage
