"""A recipe meets data: training runs, and what they load as.

A run is the folder that `wam.train` writes; beside its checkpoints lies `run.json` (`run_file.py`) with what it was trained on.
Knows: recipes, data, training, planning.   Does not know: the command line.
"""

import hashlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import torch

from wam import train
from wam.data import DataSpec, Frames, WindowDataset, as_episodes, cached_frames, compute_statistics, open_dataset
from wam.evaluate.sources import Sources
from wam.plan.control.receding import RecedingHorizon
from wam.plan.control.safety import Safety
from wam.recipes.recipe import Preset, Recipe, load_recipe
from wam.recipes.run_file import RunFile, TrainedOn, read, sources_now, write
from wam.train.checkpoint import CheckpointError
from wam.world import Env, Offers, Policy, Reads, SpecError, Statistics, WorldModel, WorldModelSpec, offers


@dataclass(frozen=True)
class Run:
    """A trained model, and what belongs to it."""

    folder: Path
    recipe: Recipe
    preset_name: str  # the preset's, with ", changed" where it was
    preset: Preset
    model: Any  # nn.Module, and a WorldModel or a Policy
    data: DataSpec  # what its windows showed
    statistics: Statistics
    trained_on: TrainedOn
    seed: int
    labels: float = 1.0  # share of the episodes whose actions were shown
    sources: Sources | None = None  # that its training began with; None = not known
    left: str = ""  # in words, what a stopped training still had to do
    took: Mapping[str, int] = field(default_factory=dict)  # steps of each gradient stage; none where it is not known (an exported run)

    @property
    def name(self) -> str:
        """Recipe and preset."""
        return f"{self.recipe.name} {self.preset_name}"

    @property
    def offers(self) -> Offers:
        """What it can be used as beside acting."""
        return offers(self.model)

    @property
    def world_model(self) -> Any:
        """What says where actions lead: the model itself, or that view of it. SpecError where nothing says that, with what can be done instead."""
        found = self.offers
        if found.world_model is not None:
            return found.world_model
        if found.video is None and not found.declined:
            raise SpecError(f"{self.name} is a policy, in which nothing can be imagined. Name a world model; a policy acts with `wam control`.")
        shown = f"`wam imagine {self.folder} --data HELD_OUT` and `wam play {self.folder}` show what it imagines without being told them, and "
        raise SpecError(
            f"{self.folder} ({self.name}) cannot say what given actions lead to: {found.declined.get('video', 'its video does not see them.')} "
            f"{'' if found.video is None else shown}`wam control {self.folder}` lets it act; here name a run of a world model, e.g. of uwm or lewm."
        )

    @property
    def imagining(self) -> Any:
        """What it imagines with: its world model, or where its video does not see the actions, the video alone, told none. SpecError where it has none."""
        found = self.offers
        return found.video if found.world_model is None and found.video is not None else self.world_model

    def read(self, sentences: tuple[str, ...]) -> "Run":
        """The same run; from now on instructions are ids into this table. SpecError for a system that cannot take another one."""
        spec = self.model.spec
        if not spec.instructed or spec.sentences == sentences:
            return self
        if not isinstance(self.model, Reads):
            raise SpecError(
                f"{self.name} learned instructions by number, from the table {spec.sentences[:2]}..., and cannot follow {sentences[:2]}...: "
                f"{type(self.model).__name__} does not read words. Act in the world that it was trained in."
            )
        self.model.read(sentences)
        return self

    def policy(self, *, safety: Safety | None = None, plan: bool = False) -> Policy[Any]:
        """How it acts: the model itself where it is a policy, planning with the preset's planner where it is a world model.

        `plan`: also a policy's own model is planned in, by its view as a world model. SpecError where it has none, or no objective and planner.
        """
        if not plan and not isinstance(self.model.spec, WorldModelSpec):
            policy: Policy[Any] = self.model
            return policy
        return planning(self.world_model, self.recipe, self.preset, self.statistics, safety=safety)

    def policy_under(self, preset: Preset) -> Policy[Any]:
        """How the same weights act as another preset says, whose networks are those of this one."""
        if isinstance(self.model.spec, WorldModelSpec):
            return planning(self.model, self.recipe, preset, self.statistics)
        model: Any = self.recipe.build(preset.config, self.data, self.statistics)
        model.load_state_dict(self.model.state_dict())
        if isinstance(model, Reads) and self.model.spec.instructed:
            model.read(self.model.spec.sentences)
        policy: Policy[Any] = model.to(next(self.model.parameters()).device).eval()
        return policy


def planning(
    model: WorldModel[Any], recipe: Recipe, preset: Preset, statistics: Statistics, *, safety: Safety | None = None, exploring: bool = False
) -> Policy[Any]:
    """Planning in a world model as its recipe and preset say, among actions like those it learned from. SpecError where they say nothing."""
    if preset.planner is None or recipe.objective is None:
        missing = " and no ".join(part for part, there in (("objective", recipe.objective), ("planner for this preset", preset.planner)) if there is None)
        raise SpecError(
            f"the recipe {recipe.name!r} declares no {missing}, so nothing can be planned in its model. Make a RecedingHorizon with one of your own, or name "
            "a run of a recipe that plans, e.g. lewm or uwm."
        )
    return RecedingHorizon(
        model,
        preset.planner,
        recipe.objective,
        horizon=preset.horizon,
        execute=preset.execute,
        acts=statistics.within(model.spec.consumes),
        safety=safety,
        proposals=preset.proposals,
        exploring=exploring,
        bf16=preset.bf16,
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
    preset: str = "tiny",
    change: Callable[[Preset], Preset] | None = None,
    episodes: Sequence[int] | None = None,
    labels: float = 1.0,
    steps: int | None = None,
    skip: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    resume: bool = False,
    tensorboard: bool = False,
    show: bool = True,
) -> Run:
    """Train a recipe on a data set (a folder, or a Hub id where there is a network). `episodes`: which to learn from, all by default.

    `labels`: the share of those episodes whose actions are shown (`Frames.with_labels`, seed 0); the rest is video alone.

    `change` changes the preset, e.g. switches a mechanism off; `steps` replaces the steps of every gradient stage, `skip` the recorded frames
    per model step: models and policies that work together need one clock. The model's weights start from `seed` alone.
    """
    recipe, chosen = _chosen(name, preset, change, steps)
    chosen = chosen if skip is None else replace(chosen, skip=skip)
    if chosen.practises:
        raise SpecError(f"{name} {preset} learns from a world that it acts in, not from a data set. Name a world: wam train {name} --world push.")
    recorded = frames_for(chosen, data, episodes)
    frames = recorded if labels == 1 else recorded.with_labels(labels)
    apart = _apart(chosen, frames)
    windows = WindowDataset(frames, skip=apart)
    if windows.too_short and show:
        print(f"note: episodes {list(windows.too_short)[:12]} have fewer than the {apart + 1} frames that a step needs, and give no window.", file=sys.stderr)
    statistics = compute_statistics(frames, windows.spec)
    model = _built(recipe, chosen, windows.spec, statistics, seed)
    trained_on = TrainedOn(
        data=str(Path(data).absolute()) if Path(data).exists() else str(data),
        fingerprint=recorded.fingerprint(),
        statistics=_hash(statistics.to_json()),
        frames=int(frames.lengths.sum()),
        episodes=None if episodes is None else tuple(episodes),
    )
    told = _told(recipe, preset, change is not None, chosen, seed, windows.spec, trained_on, labels)
    train.run(
        model,
        chosen.stages,
        windows=train.windows_from(frames, skip=apart),
        provenance=_provenance(model, statistics, recipe, chosen, preset),
        folder=folder,
        episodes=lambda: as_episodes(frames),
        accepted=lambda: write(told, folder),
        seed=seed,
        device=device,
        resume=resume,
        tensorboard=tensorboard,
        show=show,
    )
    del model  # what was saved of it is what counts
    return replace(load(folder, device=device), preset=chosen)


def practise_recipe(
    name: str,
    world: Callable[[int], Env],
    about: str,
    folder: Path,
    *,
    preset: str = "tiny",
    change: Callable[[Preset], Preset] | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    resume: bool = False,
    tensorboard: bool = False,
    show: bool = True,
) -> Run:
    """Train a recipe in a world that it acts in. `world(batch)` makes so many, at the preset's clock; `about` is its name with its options.

    `change`, `steps`, `seed`: see `train_recipe`. There are no statistics before anything was done, so models scale by limits.
    """
    recipe, chosen = _chosen(name, preset, change, steps)
    if not chosen.practises:
        raise SpecError(f"{name} {preset} learns from a data set, not from a world. Record one, and pass it: wam train {name} --data runs/push.")
    spec = world(1).spec
    shows = DataSpec.of_world(spec)
    statistics = Statistics(acts=shows.acts, proprio_slots=shows.observes.proprio)
    model = _built(recipe, chosen, shows, statistics, seed)
    online = [stage for stage in chosen.stages if isinstance(stage.learner, train.Online)]
    trained_on = TrainedOn(
        data=str((folder / f"replay-{online[-1].name}").absolute()),
        fingerprint=_hash(about + spec.to_json()),
        statistics=_hash(statistics.to_json()),
        frames=sum(stage.learner.rounds * stage.learner.worlds * spec.budget for stage in online if isinstance(stage.learner, train.Online)),
        world=about,
    )
    told = _told(recipe, preset, change is not None, chosen, seed, shows, trained_on)
    train.run(
        model,
        chosen.stages,
        practice=train.Practice(world, lambda exploring: planning(model, recipe, chosen, statistics, exploring=exploring)),
        provenance=_provenance(model, statistics, recipe, chosen, preset),
        folder=folder,
        accepted=lambda: write(told, folder),
        seed=seed,
        device=device,
        resume=resume,
        tensorboard=tensorboard,
        show=show,
    )
    del model  # what was saved of it is what counts
    return replace(load(folder, device=device), preset=chosen)


def _chosen(name: str, preset: str, change: Callable[[Preset], Preset] | None, steps: int | None) -> tuple[Recipe, Preset]:
    """A recipe, and its preset as it is to be trained: shortened first, since a change may be one of steps."""
    recipe = load_recipe(name)
    chosen = recipe.preset(preset)
    chosen = chosen if steps is None else replace(chosen, stages=tuple(_shortened(stage, steps) for stage in chosen.stages))
    return recipe, (chosen if change is None else change(chosen)).begun()


def _apart(preset: Preset, frames: Frames) -> int:
    """Frames of the set per model step: the preset's, of which an imagined set has left out some already. SpecError where the two clocks do not meet."""
    done = frames.spec.acts.per_step if frames.spec.partly_imagined else 1
    if preset.skip % done:
        raise SpecError(f"the set was imagined with {done} actions per step, the preset makes steps of {preset.skip}. Imagine with a model of the same clock.")
    return preset.skip // done


def _built(recipe: Recipe, preset: Preset, shows: DataSpec, statistics: Statistics, seed: int) -> Any:
    """The model; its weights start from `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return recipe.build(preset.config, shows, statistics)


def _provenance(model: Any, statistics: Statistics, recipe: Recipe, chosen: Preset, preset: str) -> train.Provenance:
    known, config = statistics.for_proprio(model.spec.observes.proprio), chosen.kept(model)
    defaults = {part.name: part.default for part in fields(config) if part.default is not MISSING}
    return train.Provenance(spec=model.spec, statistics=known, recipe=recipe.name, preset=preset, config=asdict(config), defaults=defaults)


def _told(recipe: Recipe, preset: str, changed: bool, chosen: Preset, seed: int, shows: DataSpec, trained_on: TrainedOn, labels: float = 1.0) -> RunFile:
    return RunFile(
        preset=preset,
        changed=changed,
        size=chosen.size,
        skip=chosen.skip,
        seed=seed,
        shows=shows,
        trained_on=trained_on,
        labels=labels,
        sources=sources_now(recipe.name),
    )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def load(folder: str | Path, *, device: str = "cpu", stopped: bool = False) -> Run:
    """A trained run, ready to imagine and to act.

    CheckpointError where files are missing, for a recipe outside `wam.recipes`, and where its training was not ended, unless `stopped` ones
    will do.
    """
    folder = Path(folder)
    checkpoint = train.load(folder)
    if checkpoint.place.left and not stopped:
        raise CheckpointError(
            f"the training of {folder} is not over: {checkpoint.place.left}, and figures of half a training say nothing. Finish it by the command "
            "that began it, with --resume."
        )
    about = checkpoint.provenance
    if not about.recipe:
        raise CheckpointError(
            f"{folder} holds a model of your own, which wam cannot build. Build it yourself, then train.load({str(folder)!r}).restore(model)."
        )
    recipe, told = load_recipe(about.recipe), read(folder)
    try:
        base = recipe.preset(told.preset)
        config = type(base.config)(**about.config)
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{folder} was trained as {about.recipe} {told.preset!r} by another version of wam: {error}") from error
    preset = replace(base, config=config, size=told.size, skip=told.skip)
    model = _built(recipe, preset, told.shows, about.statistics, told.seed)
    checkpoint.restore(model)
    return Run(
        folder=folder,
        recipe=recipe,
        preset_name=_named(told),
        preset=preset,
        model=model.to(device).eval(),
        data=told.shows,
        statistics=about.statistics,
        trained_on=told.trained_on,
        seed=told.seed,
        labels=told.labels,
        sources=told.sources,
        left=checkpoint.place.left,
        took={stage["name"]: stage["learner"]["steps"] for stage in checkpoint.place.stages if "steps" in stage["learner"]},
    )


def sources_of(*runs: Run) -> Sources:
    """What trained runs of one recipe: of the first whose sources have changed since, else of all. Unknown ones count as changed."""
    told = [run.sources or Sources(roots=sources_now(run.recipe.name).roots, digest="unknown") for run in runs]
    return next((sources for sources in told if sources.stale), told[0])


def _named(told: RunFile) -> str:
    return f"{told.preset}, changed" if told.changed else told.preset


def export(folder: str | Path, target: str | Path) -> Path:
    """A copy of a run to hand on: what `load` needs, matrices and kernels in half precision, no optimiser, no log."""
    run, target = load(folder), Path(target)
    for parameter in run.model.parameters():
        if parameter.ndim > 1:
            parameter.data = parameter.data.half()
    if wrong := [name for name, value in run.model.named_parameters() if not bool(value.isfinite().all())]:
        raise CheckpointError(f"the weights {wrong[:4]} are NaN or too large for half precision. The training diverged: export another run.")
    train.save(target, run.model, train.load(folder).provenance)
    told = read(run.folder)
    name = Path(told.trained_on.data).name  # where it lay is nobody else's business
    write(replace(told, trained_on=replace(told.trained_on, data=name)), target)
    return target


def _shortened(stage: train.Stage, steps: int) -> train.Stage:
    if isinstance(stage.learner, train.Gradient):
        return replace(stage, learner=replace(stage.learner, steps=steps))
    if isinstance(stage.learner, train.Online):
        online = stage.learner
        rounds = min(online.rounds, online.random + steps - 1)  # at least a step in each
        return replace(stage, learner=replace(online, learner=replace(online.learner, steps=steps), rounds=rounds))
    return stage
