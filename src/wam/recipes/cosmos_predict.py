"""Cosmos-Predict2.5 (arXiv 2511.00062) on your data: see `CARD`."""

from dataclasses import replace

from torch import nn

from wam.data import DataSpec
from wam.models.observation_space.assembly import VideoConfig, video_model
from wam.plan.objectives import GoalImage
from wam.plan.planners import CEM
from wam.recipes.latents import remember
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe
from wam.recipes.usual import usual
from wam.train import Stage
from wam.world import Statistics

CARD = Card(
    title="Cosmos-Predict2.5",
    paper="2511.00062",
    place="observation space: RGB, text and low-level actions (tutorial 2.1)",
    idea="One flow model generates the frames that follow 0, 1 or 2 clean ones, as text and actions say.",
    parts=("rectified flow, logit-normal levels", "clean frames, as many as there are", "actions per frame", "AdaLN"),
    differs=(
        "At tiny a U-Net in pixels that sees the clean frames, and gives the mean of the next frame in one pass, by regression, instead of drawing it "
        "by flow: see the learnability table (docs/video.md).",
        "No text at tiny: play has no instructions.",
        "Remembered frames are noisy while it learns, against errors that add up; the paper distils instead. The preset rollout is tiny that keeps "
        "the first frame in sight and learns for longer, then after frames that it drew itself: a world to act in for longer.",
    ),
    data="frames of one or more cameras; low-level actions and instructions where it is to be told them",
    uses=("imagine", "control", "a world to act in"),
)


def _in_pixels(*, steps: int, batch: int, learning_rate: float, past: int = 2, horizon: int = 1, edges: bool = False) -> tuple[Stage, ...]:
    learner = usual(
        {"video": 1.0},
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        past=past,
        horizon=horizon,
        edges=edges,
        precision="bf16",
        unlabelled=True,
    )
    return (Stage(name="world", learner=learner),)


def in_latents(*, pictures: int, steps: int, batch: int, learning_rate: float, past: int = 2, horizon: int = 4) -> tuple[Stage, ...]:
    """An autoencoder first, then the model of its latents."""
    codec = usual(
        {"codec.reconstruction": 1.0, "codec.kl": 1e-3},
        steps=pictures,
        batch=batch,
        learning_rate=1e-3,
        past=past,
        horizon=horizon,
        precision="bf16",
        unlabelled=True,
    )
    (world,) = _in_pixels(steps=steps, batch=batch, learning_rate=learning_rate, past=past, horizon=horizon)
    return Stage(name="pictures", learner=codec, parts=("codec",)), replace(world, after=("pictures",), frozen=("codec",), derives=remember)


TINY = Preset(
    config=VideoConfig(law="regression", residual=True, dropped_frames=0.2, context_noise=0.3),
    stages=_in_pixels(steps=2800, batch=16, learning_rate=2e-3),
    size=32,
    planner=CEM(samples=64, iterations=4, elites=8, spread=0.8, colour=1.0),
    horizon=12,
    bf16=True,
)
SINCE = 40  # frames that the first one may lie back, while learning
ROLLOUT = replace(
    TINY,
    config=replace(TINY.config, own=0.9, anchor=True),
    stages=(
        *_in_pixels(steps=6000, batch=16, learning_rate=2e-3, past=SINCE, edges=True),
        *(
            replace(stage, name="rollout", after=("world",))
            for stage in _in_pixels(steps=1500, batch=16, learning_rate=1e-3, past=SINCE, horizon=8, edges=True)
        ),
    ),
)
ROBOT = replace(TINY, stages=_in_pixels(steps=400, batch=16, learning_rate=2e-3), size=64)  # a few real episodes, every frame
SMALL = Preset(
    config=VideoConfig(
        backbone="transformer", time="full", latent=8, reduction=8, chunk=4, context=2, dim=384, depth=10, heads=6, dropped_frames=0.3, dropped_actions=0.1
    ),
    stages=in_latents(pictures=4000, steps=16_000, batch=64, learning_rate=5e-4),
    size=64,
    skip=3,
    planner=CEM(samples=128, iterations=5, elites=16, spread=0.8, colour=1.0),
    horizon=4,
    bf16=True,
)
PAPER = Preset(
    config=VideoConfig(
        backbone="transformer",
        time="full",
        latent=16,
        reduction=8,
        patch=2,
        chunk=4,
        context=2,
        dim=2048,
        depth=28,
        heads=16,
        steps=35,
        reads=True,
        dropped_frames=0.3,
        dropped_words=0.1,
    ),
    stages=in_latents(pictures=50_000, steps=100_000, batch=256, learning_rate=1e-4),
    size=256,
)


def build(config: VideoConfig, data: DataSpec, statistics: Statistics) -> nn.Module:
    """Cameras only, whatever proprioception the data has."""
    seen = replace(data.observes, proprio=(), points=0, state=None)
    return video_model(config, seen, data.acts, statistics.for_proprio(()), data.rate, data.sentences)


def two_frames_only(preset: Preset) -> Preset:
    """A specialist that always sees all clean frames."""
    return replace(preset, config=replace(preset.config, dropped_frames=0.0))


RECIPE = Recipe(
    name="cosmos_predict",
    card=CARD,
    presets={"tiny": TINY, "rollout": ROLLOUT, "robot": ROBOT, "small": SMALL, "paper": PAPER},
    build=build,
    objective=GoalImage(earlier=0.5),
    mechanism=Mechanism(name="0 to 2 clean frames in one model", off=two_frames_only),
)
