"""LeWorldModel (arXiv 2603.19312) on your data: see `CARD`."""

from dataclasses import replace

from torch import nn

from wam.data import DataSpec
from wam.models.state_space.latent.lewm import LeWMConfig, LeWorldModel
from wam.plan.objectives import GoalImage
from wam.plan.planners import CEM
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe
from wam.recipes.usual import cameras_only
from wam.train import Gradient, Stage
from wam.world import Statistics

CARD = Card(
    title="LeWorldModel",
    paper="2603.19312",
    place="state space: latent vector, learned from the target domain by prediction (tutorial 2.2)",
    idea="One latent vector per frame, learned end to end by predicting the next one; an isotropic-Gaussian regulariser prevents collapse.",
    parts=("keypoint encoder", "causal transformer with action AdaLN", "SIGReg", "CEM towards the goal image's latent"),
    differs=(
        "A picture is read as places (spatial softmax) instead of by a ViT, so that two cores can train it; at robot and paper by convolutions.",
        "A band of frames with a key-value cache, so that planning does not compute the context again at each step.",
        "lambda 0.3 instead of 0.09, and every third frame, at tiny and small: chosen on the push world, where they were not compared one by one.",
        "The whole imagined path counts towards the goal, not its end alone.",
        "No dropout: sets this small are seen a few times only.",
        "At robot the change of the latent is predicted instead of the next one: a scene not seen before then stays itself.",
    ),
    data="frames of one or more cameras and low-level actions; no rewards, no demonstrations, no goals",
    uses=("imagine", "control", "a world to act in"),
)


def _stage(*, steps: int, batch: int, learning_rate: float, horizon: int, gaussian: float = 0.1) -> Stage:
    learner = Gradient(
        weights={"prediction": 1.0, "gaussian": gaussian, "picture": 1.0},
        batch_statistics=("gaussian",),
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        final_learning_rate=0.03,
        warmup=50,
        weight_decay=1e-3,
        betas=(0.9, 0.95),
        precision="bf16",
        past=1,
        horizon=horizon,
    )
    return Stage(name="world", learner=learner)


TINY = Preset(
    config=LeWMConfig(),
    stages=(_stage(steps=1200, batch=128, learning_rate=1.5e-3, horizon=3, gaussian=0.3),),
    size=32,
    skip=3,
    planner=CEM(samples=200, iterations=6, elites=20, spread=0.8, colour=1.0),
    horizon=5,
    bf16=True,
)
ROBOT = Preset(  # a few real episodes, every frame; chosen on the set that docs/real-robots.md names
    config=LeWMConfig(width=16, points=0, residual=True),
    stages=(_stage(steps=120, batch=16, learning_rate=1.5e-3, horizon=6, gaussian=0.3),),
    size=64,
    planner=CEM(samples=200, iterations=6, elites=20, spread=0.8, colour=1.0),
    horizon=4,
    bf16=True,
)
SMALL = Preset(
    config=LeWMConfig(latent=128, width=48, points=48, hidden=512, dim=256, depth=4, heads=8),
    stages=(_stage(steps=20_000, batch=256, learning_rate=5e-4, horizon=3, gaussian=0.3),),
    size=64,
    skip=3,
    planner=CEM(samples=300, iterations=10, elites=30, colour=1.0),
    horizon=5,
    bf16=True,
)
PAPER = Preset(
    config=LeWMConfig(latent=192, width=96, points=0, hidden=2048, dim=192, depth=6, heads=16, directions=1024),
    stages=(_stage(steps=100_000, batch=128, learning_rate=5e-5, horizon=3),),
    size=256,
    skip=5,
    planner=CEM(samples=300, iterations=30, elites=30, spread=1.0),
    horizon=5,
    execute=5,
)


def build(config: LeWMConfig, data: DataSpec, statistics: Statistics) -> nn.Module:
    """Cameras only, whatever proprioception the data has."""
    seen, known = cameras_only(data, statistics)
    return LeWorldModel(config, seen, data.acts, known, data.rate)


def without_regulariser(preset: Preset) -> Preset:
    """lambda = 0: nothing keeps the latent from collapsing."""
    stages = []
    for stage in preset.stages:
        assert isinstance(stage.learner, Gradient)
        weights = {**stage.learner.weights, "gaussian": 0.0}
        stages.append(replace(stage, learner=replace(stage.learner, weights=weights)))
    return replace(preset, stages=tuple(stages))


RECIPE = Recipe(
    name="lewm",
    card=CARD,
    presets={"tiny": TINY, "robot": ROBOT, "small": SMALL, "paper": PAPER},
    build=build,
    objective=GoalImage(earlier=0.5),
    mechanism=Mechanism(name="SIGReg", off=without_regulariser),
)
