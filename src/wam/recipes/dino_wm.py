"""DINO-WM (arXiv 2411.04983) on your data: see `CARD`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from wam.data import DataSpec
from wam.models.state_space.latent.dino_wm import DinoWMConfig, DinoWorldModel
from wam.nets.perceive.pretrained import PretrainedPatchEncoder
from wam.plan.objectives import GoalImage
from wam.plan.planners import CEM
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe
from wam.recipes.remembered import remembered
from wam.recipes.usual import cameras_only
from wam.train import Gradient, Stage
from wam.world import Statistics, Windows

CARD = Card(
    title="DINO-WM",
    paper="2411.04983",
    place="state space: latent vector, features of a frozen pretrained encoder (tutorial 2.2)",
    idea="A transformer predicts the next frame's patch features of a frozen encoder; planning compares predicted patches with those of a goal image.",
    parts=("frozen patch encoder", "frame-causal transformer with action AdaLN", "CEM towards the goal image's patches"),
    differs=(
        "At tiny and small the encoder is a small convolutional one that first learns to fill in hidden parts of the same data's pictures, "
        "where what moves weighs more; no weights are downloaded.",
        "Features are layer-normalised, then standardised per place and channel over the training data: what never changes would else dominate "
        "errors and distances.",
        "Learned open loop: predictions are fed back for a few steps, instead of one step from true features.",
        "Actions scale and shift each block (AdaLN) instead of being appended to every token.",
        "The change of the features is predicted.",
        "No proprioception.",
        "At tiny a patch is 16 px, four tokens a frame: on two cores a predictor of sixteen tokens did not learn enough in the same time.",
    ),
    data="frames of one or more cameras and low-level actions; no rewards, no demonstrations, no goals",
    uses=("imagine", "control", "a world to act in"),
)


def remember(model: nn.Module, windows: Windows, folder: Path) -> Windows:
    """Takes the moments of the frozen features, then encodes every frame once into the run's folder: windows that bring their tokens."""
    assert isinstance(model, DinoWorldModel)
    return remembered(
        windows,
        folder,
        nn.ModuleList([model.encoders, model.standardise]),
        features=lambda seen: model.features(seen).z,
        fit=model.standardise.fit,
        encode=lambda seen: model.encode(seen).z,
    )


def _learner(weights: dict[str, float], *, steps: int, batch: int, learning_rate: float, horizon: int = 4) -> Gradient:
    return Gradient(
        weights=weights,
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        final_learning_rate=0.03,
        warmup=50,
        precision="bf16",
        past=1,
        horizon=horizon,
    )


def _stages(*, features: int, world: int, batch: int, learning_rate: float) -> tuple[Stage, ...]:
    """An encoder that learns from the data itself, then the predictor over its fixed features."""
    learned = _learner({"pretrain.masked": 1.0}, steps=features, batch=batch, learning_rate=2 * learning_rate)
    predictor = _learner(WORLD, steps=world, batch=batch, learning_rate=learning_rate)
    return (
        Stage(name="features", learner=learned, parts=("pretrain",)),
        Stage(name="world", after=("features",), learner=predictor, frozen=("encoders", "pretrain"), derives=remember),
    )


@dataclass(frozen=True, kw_only=True)
class DinoPreset(Preset):
    """Over a vision model by name (`config.pretrained`) there is no encoder of its own to train first: that stage is left out."""

    def __post_init__(self) -> None:
        if self.config.pretrained:
            world = (replace(stage, after=(), frozen=("encoders",)) for stage in self.stages if stage.name != "features")
            object.__setattr__(self, "stages", tuple(world))

    def kept(self, model: Any) -> DinoWMConfig:
        """With what its vision model is: a run must not need that model's files again, its weights are in the checkpoint."""
        encoder, config = next(iter(model.encoders.values())), self.config
        found: DinoWMConfig = replace(config, vision=encoder.about) if isinstance(encoder, PretrainedPatchEncoder) else config
        return found

    def begun(self) -> Preset:
        """The vision model's weights are read anew."""
        return replace(self, config=replace(self.config, vision=""))


def over(pretrained: str) -> Callable[[Preset], Preset]:
    """A change of any preset: over a vision model by name or folder, instead of an encoder of its own."""
    return lambda preset: replace(preset, config=replace(preset.config, pretrained=pretrained, vision=""))


WORLD = {"prediction": 1.0, "picture": 1.0}
TINY = DinoPreset(
    config=DinoWMConfig(),
    stages=_stages(features=1500, world=4000, batch=64, learning_rate=1.5e-3),
    size=32,
    skip=3,
    planner=CEM(samples=200, iterations=6, elites=20, spread=0.8, colour=1.0),
    horizon=5,
    bf16=True,
)
SMALL = DinoPreset(
    config=DinoWMConfig(features=128, channels=64, hidden_cell=8, dim=256, depth=4, heads=8),
    stages=_stages(features=10_000, world=15_000, batch=128, learning_rate=5e-4),
    size=64,
    skip=3,
    planner=CEM(samples=300, iterations=10, elites=30, colour=1.0),
    horizon=5,
    bf16=True,
)
PAPER = DinoPreset(
    config=DinoWMConfig(pretrained="facebook/dinov2-small", dim=384, depth=6, heads=16),
    stages=(Stage(name="world", learner=_learner(WORLD, steps=100_000, batch=32, learning_rate=5e-4), frozen=("encoders",), derives=remember),),
    size=196,
    skip=5,
    planner=CEM(samples=300, iterations=30, elites=30, spread=1.0),
    horizon=5,
    execute=5,
)


def build(config: DinoWMConfig, data: DataSpec, statistics: Statistics) -> nn.Module:
    """Cameras only."""
    seen, known = cameras_only(data, statistics)
    return DinoWorldModel(config, seen, data.acts, known, data.rate)


def one_vector(preset: Preset) -> Preset:
    """The mean of the patch features instead of the patches."""
    return replace(preset, config=replace(preset.config, pooled=True))


RECIPE = Recipe(
    name="dino_wm",
    card=CARD,
    presets={"tiny": TINY, "small": SMALL, "paper": PAPER},
    build=build,
    objective=GoalImage(),
    mechanism=Mechanism(name="patch tokens against one global vector", off=one_vector),
)
