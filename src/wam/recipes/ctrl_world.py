"""Ctrl-World (arXiv 2510.10125) on your data: see `CARD`."""

from dataclasses import dataclass, replace

from wam.models.observation_space.assembly import VideoConfig
from wam.nets.blocks.unet import Time
from wam.plan.objectives import GoalImage
from wam.plan.planners import CEM
from wam.recipes.latents import build_video, latent_stages, pixel_stages
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe

CARD = Card(
    title="Ctrl-World",
    paper="2510.10125",
    place="observation space: RGB of several cameras, low-level actions (tutorial 2.1); made to evaluate policies and to generate data",
    idea="All cameras are imagined together, some frames at once, and every frame is told the action that leads to it.",
    parts=("video U-Net over a clip", "an action per frame", "noisy history", "attention over time"),
    differs=(
        "History is the last frames; the paper picks some far back and tells them by their poses.",
        "Cameras are channels of one picture; the paper stacks their latents above each other.",
        "At tiny the mean of what follows, by regression, from pixels; the paper, and small, draw latents by EDM.",
        "A frame's action scales and shifts its layers; in the paper its layers attend to it.",
    ),
    data="frames of one or more cameras with low-level actions: demonstrations, and what policies did",
    uses=("imagine", "control", "a world to act in"),
)


@dataclass(frozen=True)
class CtrlWorldConfig(VideoConfig):
    """Clips whose frames know their actions, after a noisy history."""

    time: Time = "full"
    chunk: int = 4
    context: int = 2
    context_noise: float = 0.3
    dropped_frames: float = 0.2  # an episode begins with one frame


TINY = Preset(
    config=CtrlWorldConfig(law="regression", residual=True),
    stages=pixel_stages(steps=3000, batch=8, learning_rate=2e-3, horizon=4),
    size=32,
    planner=CEM(samples=64, iterations=4, elites=8, spread=0.8, colour=1.0),
    horizon=12,
    bf16=True,
)
SMALL = Preset(
    config=CtrlWorldConfig(law="edm", latent=8, fold=1, width=64, levels=3, context=4, steps=10, dropped_actions=0.05),
    stages=latent_stages(pictures=4000, steps=16_000, batch=32, learning_rate=5e-4, past=4, horizon=4),
    size=64,
    skip=3,
)
PAPER = Preset(
    config=CtrlWorldConfig(
        law="edm", latent=4, reduction=8, fold=1, width=320, levels=4, condition=1024, context=6, chunk=5, steps=50, dropped_actions=0.05, guidance=2.0
    ),
    stages=latent_stages(pictures=50_000, steps=100_000, batch=64, learning_rate=1e-5, past=6, horizon=5),
    size=256,
    skip=3,
)


def one_vector_per_clip(preset: Preset) -> Preset:
    """The actions of all frames of a clip as one vector, which each frame is told."""
    return replace(preset, config=replace(preset.config, acts="clip"))


RECIPE = Recipe(
    name="ctrl_world",
    card=CARD,
    presets={"tiny": TINY, "small": SMALL, "paper": PAPER},
    build=build_video,
    objective=GoalImage(earlier=0.5),
    mechanism=Mechanism(name="an action per frame, against one vector per clip", off=one_vector_per_clip),
)
