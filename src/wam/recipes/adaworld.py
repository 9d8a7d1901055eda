"""AdaWorld (arXiv 2503.18938) on your data: see `CARD`."""

from dataclasses import replace

from wam.models.observation_space.latent_assembly import LatentVideoConfig
from wam.plan.objectives import GoalImage
from wam.plan.planners import CEM
from wam.recipes.latent_actions import action_agnostic, build, stages, untold
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe
from wam.train import Gradient

CARD = Card(
    title="AdaWorld",
    paper="2503.18938",
    place="observation space: RGB and latent actions, adapted to low-level ones (tutorial 2.1)",
    idea="Actions are inferred from video as a narrow code, a video model learns on them, and a few labelled steps teach it a robot's own.",
    parts=("latent actions: beta-VAE of frame pairs", "next-frame model from noisy remembered frames", "low-level actions said in codes, then fine-tuned"),
    differs=(
        "The latent action model is convolutional and weighs cells by how much they change; the paper has a transformer.",
        "The code costs more (beta = 1e-3 on our scale of errors), and moving pixels weigh more.",
        "EDM as in the paper at its own size; a flow at small, at tiny the mean of the next frame by regression.",
        "Two clean frames instead of up to six, at tiny.",
        "The perceptron that says low-level actions in codes also learns from what the frozen video model then shows.",
    ),
    data="frames of one or more cameras; low-level actions for a part of the episodes",
    uses=("imagine", "control", "a world to act in"),
)

TINY = Preset(
    config=LatentVideoConfig(law="regression", residual=True, moving=10.0, dropped_frames=0.2, context_noise=0.3),
    stages=stages(codes=1500, world=3000, translate=300, adapt=1200, batch=16, learning_rate=2e-3),
    size=32,
    planner=CEM(samples=64, iterations=4, elites=8, spread=0.8, colour=1.0),
    horizon=12,
    bf16=True,
)
SMALL = Preset(
    config=LatentVideoConfig(
        clean=True, width=64, levels=4, steps=10, context=4, moving=10.0, dropped_frames=0.2, context_noise=0.5, code=16, code_width=32, code_levels=4
    ),
    stages=stages(codes=5000, world=15_000, translate=500, adapt=2000, batch=64, learning_rate=5e-4, past=4),
    size=64,
    skip=3,
    planner=CEM(samples=128, iterations=5, elites=16, spread=0.8, colour=1.0),
    horizon=4,
    bf16=True,
)
PAPER = Preset(
    config=LatentVideoConfig(
        latent=4,
        reduction=8,
        codec=64,
        width=320,
        levels=4,
        fold=1,
        condition=1024,
        context=6,
        law="edm",
        steps=5,
        guidance=1.25,
        dropped_frames=0.5,
        dropped_actions=0.1,
        context_noise=0.7,
        code=32,
        code_width=128,
        code_levels=5,
        code_dim=1024,
        hidden=1024,
    ),
    stages=stages(codes=100_000, world=80_000, translate=2000, adapt=10_000, batch=64, learning_rate=5e-5, past=6, beta=2e-4, pictures=50_000),
    size=256,
)


def without_latent_actions(preset: Preset) -> Preset:
    """Action-agnostic pre-training: the video model learns as long, told nothing; then low-level actions from nothing, for all the labelled steps."""
    named = {stage.name: stage for stage in preset.stages}
    translate, adapt = named["translate"].learner, named["adapt"].learner
    assert isinstance(translate, Gradient) and isinstance(adapt, Gradient)
    world = replace(named["world"], after=(), derives=action_agnostic)
    adapted = replace(named["adapt"], after=("world",), derives=untold, learner=replace(adapt, steps=translate.steps + adapt.steps))
    return replace(preset, stages=(*(stage for name, stage in named.items() if name == "pictures"), world, adapted))


RECIPE = Recipe(
    name="adaworld",
    card=CARD,
    presets={"tiny": TINY, "small": SMALL, "paper": PAPER},
    build=build,
    objective=GoalImage(earlier=0.5),
    mechanism=Mechanism(name="pre-training on latent actions against video alone", off=without_latent_actions),
)
