"""DreamDojo (arXiv 2602.06949) on your data: see `CARD`."""

from dataclasses import dataclass, replace

from wam.models.observation_space.latent_assembly import LatentVideoConfig
from wam.nets.blocks.unet import Time
from wam.plan.objectives import GoalImage
from wam.plan.planners import CEM
from wam.recipes.latent_actions import build, stages
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe

CARD = Card(
    title="DreamDojo",
    paper="2602.06949",
    place="observation space: RGB, latent actions in pre-training, low-level ones after it (tutorial 2.1)",
    idea="A video model pre-trained on latent actions is told a robot's own frame by frame: those of a frame together, seen from where it starts.",
    parts=("latent actions: beta-VAE of frame pairs", "actions of a frame in one vector", "relative to the frame's start", "error of temporal differences"),
    differs=(
        "At tiny and small a U-Net in pixels, at tiny of two frames at once; the paper has a transformer over latents of thirteen frames.",
        "At tiny by regression, which has no error of temporal differences.",
        "The latent action model is convolutional, see adaworld.",
        "Low-level actions are first fitted to the codes, as in AdaWorld; the paper begins their first layer anew.",
        "At tiny a frame has one recorded action, so none is relative to another.",
        "Actions that are absolute (joint angles) must be recorded as changes; the paper re-bases them while loading.",
        "No text, and no distillation into a causal student of four steps.",
    ),
    data="frames of one or more cameras; low-level actions, as changes or rates, for a part of the episodes",
    uses=("imagine", "control", "a world to act in"),
)


@dataclass(frozen=True)
class DreamDojoConfig(LatentVideoConfig):
    """Clips whose frames know their actions."""

    chunk: int = 2
    time: Time = "full"
    moving: float = 10.0
    dropped_frames: float = 0.2
    context_noise: float = 0.3
    relative: bool = True
    temporal: float = 0.1


TINY = Preset(
    config=DreamDojoConfig(law="regression", residual=True, temporal=0.0),
    stages=stages(codes=1500, world=2000, translate=300, adapt=800, batch=16, learning_rate=2e-3, horizon=2),
    size=32,
    planner=CEM(samples=64, iterations=4, elites=8, spread=0.8, colour=1.0),
    horizon=12,
    bf16=True,
)
SMALL = Preset(
    config=DreamDojoConfig(clean=True, width=64, levels=4, steps=10, chunk=4, code=16, code_width=32, code_levels=4),
    stages=stages(codes=5000, world=15_000, translate=500, adapt=3000, batch=32, learning_rate=5e-4, horizon=4),
    size=64,
    skip=3,
    planner=CEM(samples=128, iterations=5, elites=16, spread=0.8, colour=1.0),
    horizon=4,
    bf16=True,
)
PAPER = Preset(
    config=DreamDojoConfig(
        latent=16,
        reduction=8,
        codec=64,
        backbone="transformer",
        patch=2,
        chunk=4,
        context=1,
        dim=2048,
        depth=28,
        heads=16,
        steps=35,
        moving=0.0,
        context_noise=0.0,
        code=32,
        code_width=128,
        code_levels=5,
        code_dim=1024,
        hidden=1024,
    ),
    stages=stages(codes=400_000, world=140_000, translate=2000, adapt=50_000, batch=256, learning_rate=1.6e-4, past=1, horizon=4, beta=1e-6, pictures=50_000),
    size=256,
    skip=4,
)


def one_vector_per_clip(preset: Preset) -> Preset:
    """The actions of all frames of a clip as one vector that each frame is told, and as they were recorded."""
    return replace(preset, config=replace(preset.config, acts="clip", relative=False))


RECIPE = Recipe(
    name="dreamdojo",
    card=CARD,
    presets={"tiny": TINY, "small": SMALL, "paper": PAPER},
    build=build,
    objective=GoalImage(earlier=0.5),
    mechanism=Mechanism(name="an action per frame against one vector per clip", off=one_vector_per_clip),
)
