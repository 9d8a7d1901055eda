"""Cosmos-Predict2.5 (arXiv 2511.00062) on your data: see `CARD`."""

from dataclasses import replace

from wam.models.observation_space.assembly import VideoConfig
from wam.plan.objectives import GoalImage
from wam.plan.planners import CEM
from wam.recipes.latents import build_video, latent_stages, pixel_stages
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe

CARD = Card(
    title="Cosmos-Predict2.5",
    paper="2511.00062",
    place="observation space: RGB, text and low-level actions (tutorial 2.1)",
    idea="One flow model generates the frames that follow 0, 1 or 2 clean ones, as text and actions say.",
    parts=("rectified flow, logit-normal levels", "clean frames, as many as there are", "actions per frame", "AdaLN"),
    differs=(
        "At tiny a U-Net in pixels that sees the clean frames, and gives the mean of the next frame in one pass, by regression, instead of drawing it "
        "by flow: see the learnability table (docs/video.md).",
        "Text at paper alone: play has no instructions.",
        "At tiny remembered frames are noisy while it learns, against errors that add up; the paper distils instead, and our small and paper do neither. "
        "The preset rollout is tiny that keeps the first frame in sight and learns for longer, then after frames that it drew itself: a world to act in "
        "for longer. It hardly meets fewer than two clean frames.",
    ),
    data="frames of one or more cameras; low-level actions and instructions where it is to be told them",
    uses=("imagine", "control", "a world to act in"),
)


TINY = Preset(
    config=VideoConfig(law="regression", dropped_frames=0.2, context_noise=0.3),
    stages=pixel_stages(steps=2800, batch=16, learning_rate=2e-3),
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
        *pixel_stages(steps=6000, batch=16, learning_rate=2e-3, past=SINCE, edges=True),
        *(
            replace(stage, name="rollout", after=("world",))
            for stage in pixel_stages(steps=1500, batch=16, learning_rate=1e-3, past=SINCE, horizon=8, edges=True)
        ),
    ),
)
ROBOT = replace(  # a few real episodes, every frame; a room that was not seen before stays itself
    TINY, config=replace(TINY.config, residual=True), stages=pixel_stages(steps=400, batch=16, learning_rate=2e-3), size=64
)
SMALL = Preset(
    config=VideoConfig(
        backbone="transformer", time="full", latent=8, reduction=8, chunk=4, context=2, dim=384, depth=10, heads=6, dropped_frames=0.3, dropped_actions=0.1
    ),
    stages=latent_stages(pictures=4000, steps=16_000, batch=64, learning_rate=5e-4),
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
    stages=latent_stages(pictures=50_000, steps=100_000, batch=256, learning_rate=1e-4),
    size=256,
)


def two_frames_only(preset: Preset) -> Preset:
    """A specialist that always sees all clean frames."""
    return replace(preset, config=replace(preset.config, dropped_frames=0.0))


RECIPE = Recipe(
    name="cosmos_predict",
    card=CARD,
    presets={"tiny": TINY, "rollout": ROLLOUT, "robot": ROBOT, "small": SMALL, "paper": PAPER},
    build=build_video,
    objective=GoalImage(earlier=0.5),
    mechanism=Mechanism(name="0 to 2 clean frames in one model", off=two_frames_only),
)
