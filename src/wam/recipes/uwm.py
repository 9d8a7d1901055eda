"""UWM, Unified World Models (arXiv 2504.02792) on your demonstrations: see `CARD`."""

from dataclasses import dataclass, replace
from typing import Literal

from torch import nn

from wam.data import DataSpec
from wam.models.world_action.joint_assembly import JointConfig, joint_model
from wam.models.world_action.joint_network import OBSERVED
from wam.models.world_action.joint_programs import Lesson
from wam.nets.blocks.masks import EVERY, Rule
from wam.nets.generate.generation import ACTION_LAW
from wam.nets.generate.laws import Fixed, Levels, Mixed, Power, Same, Uniform
from wam.plan.objectives import GoalImage
from wam.plan.planners import CEM
from wam.recipes.latents import joint_stages
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe
from wam.recipes.usual import cameras_only
from wam.world import Statistics

CARD = Card(
    title="UWM",
    paper="2504.02792",
    place="world action model: auxiliary video, one diffusion over both (tutorial 3)",
    idea="Video and actions have noise levels of their own, so one network is a policy, a forward model, inverse dynamics and a video model.",
    parts=("one transformer over actions and patches", "independent noise levels", "actions that nobody recorded stay at noise", "rectified flow"),
    differs=(
        "Observed frames are clean tokens that only see each other, and are computed once per decision; a small convolutional encoder sums up the last one "
        "into AdaLN, as the paper's ResNet does.",
        "At tiny, patches of pixels between convolutions that draw over the last frame and over copies of it that are moved as a whole (1605.07157), "
        "instead of an autoencoder's latents, and frames are asked for instead of velocities (2511.13720).",
        "AdaLN tells a token its own noise level, and those of a frame the actions that lead there, their sum, and their level; the paper tells all "
        "tokens both levels.",
        "No registers. Rectified flow instead of DDPM. Where both are learned together, a fifth of the levels is exactly noise, where draws begin; of the "
        "video alone half, and most others are near it, as those of the actions alone are.",
        "Each view has rows of its own: most learn to act, few the video after given actions, or after unknown ones, and what was done between given "
        "frames, without the instruction, which would say it without them.",
        "What is unknown to the end is left out, instead of standing by as noise.",
        "A frame per model step, and the actions of a step are one token.",
        "At robot the video is drawn as the difference from the last frame: a room that was not seen before then stays itself.",
        "At tiny the video's error weighs a quarter of the actions', the encoder beside the tokens learns three times as fast as they do, and every chunk "
        "is left after its first step, as in ours of Fast-WAM.",
        "Two arms of the experiment only ever draw both together, at levels of their own or at one: they never learn to act beside an unknown video.",
    ),
    data="demonstrations; those without recorded actions are learned from too",
    uses=("imagine", "control", "serve"),
)

RULES = (Rule(OBSERVED, OBSERVED), Rule(("video", "actions"), EVERY))


@dataclass(frozen=True)
class UWMConfig(JointConfig):
    """One stream of shared weights."""

    latent: int = 0
    patch: int = 8
    clean: bool = True
    attends: bool = False
    eye: int = 32
    condition: int = 128
    depth: int = 2
    leads: bool = True
    together: float = 0.05  # share of the rows that learn video and actions together, and of those that learn the video alone; all learn to act
    inverse: float = 0.1  # share of the rows that learn what was done between frames
    drawn: Literal["views", "independent", "coupled"] = "views"  # every view is learned; or both together alone, at levels of their own, or at one


TINY = Preset(
    config=UWMConfig(execute=1, fine=32, together=0.025, inverse=0.02),
    stages=joint_stages(steps=2150, batch=64, learning_rate=2e-3, past=1, horizon=4, video=0.25, eye=3.0, warmup=200),
    size=32,
    skip=3,
    planner=CEM(samples=32, iterations=3, elites=4, spread=0.8, colour=1.0),
    horizon=4,
    bf16=True,
)
ROBOT = replace(  # a few real episodes, every frame
    TINY,
    config=UWMConfig(execute=1, residual=True, together=0.125),
    stages=joint_stages(steps=1000, batch=32, learning_rate=2e-3, past=1, horizon=4),
    skip=1,
)
SMALL = Preset(
    config=UWMConfig(latent=8, patch=2, clean=False, together=0.5, attends=True, context=2, dim=384, depth=10, heads=6, condition=256, words=128, steps=10),
    stages=joint_stages(pictures=4000, steps=20_000, batch=64, learning_rate=5e-4, past=2, horizon=4),
    size=64,
    skip=3,
)
PAPER = Preset(
    config=UWMConfig(
        latent=4,
        clean=False,
        together=1.0,
        attends=True,
        reduction=8,
        patch=4,
        context=2,
        dim=768,
        depth=12,
        heads=12,
        condition=768,
        words=512,
        chunk=16,
        execute=8,
        steps=10,
        moving=0.0,
    ),
    stages=joint_stages(pictures=50_000, steps=100_000, batch=144, learning_rate=1e-4, past=2, horizon=16),
    size=224,
)


LAW = Mixed(0.2, Fixed(1.0), Uniform())  # draws start at exactly 1
VIDEO_LAW = Mixed(0.5, Fixed(1.0), Power(3.0))  # of the video alone: mostly near noise, where what is done must say what comes; less noisy frames show it


def lessons(config: UWMConfig) -> tuple[Lesson, ...]:
    """A lesson for each view: both together at levels of their own, the video of what is done, and of what is not known, what was done between frames,
    and what to do. Or both together alone.
    """
    if config.drawn != "views":
        return (Lesson(Levels((ACTION_LAW, Same(0) if config.drawn == "coupled" else ACTION_LAW))),)
    together = Lesson(Levels((LAW, LAW)), share=config.together)
    forward = Lesson(Levels((VIDEO_LAW, Fixed(0.0))), learns=("video",), share=0.75 * config.together)
    video = Lesson(Levels((VIDEO_LAW, Fixed(1.0))), learns=("video",), share=0.25 * config.together)
    inverse = Lesson(Levels((Fixed(0.0), ACTION_LAW)), learns=("actions",), share=config.inverse, heard=False)
    policy = Lesson(Levels((Fixed(1.0), ACTION_LAW)), learns=("actions",), draws=4)
    return together, forward, video, inverse, policy


def build(config: UWMConfig, data: DataSpec, statistics: Statistics) -> nn.Module:
    """Cameras only, instructions where the data has some. SpecError for data without low-level actions."""
    seen, known = cameras_only(data, statistics)
    return joint_model(
        config,
        seen,
        data.acts,
        known,
        data.rate,
        data.sentences,
        rules=RULES,
        lessons=lessons(config),
        program="policy" if config.drawn == "views" else "joint",
    )


def coupled(preset: Preset) -> Preset:
    """One noise level for both: video and actions are only ever learned, and drawn, together."""
    return replace(preset, config=replace(preset.config, drawn="coupled"))


def independent(preset: Preset) -> Preset:
    """The same but for the levels, which are drawn apart: what `coupled` is to be compared with."""
    return replace(preset, config=replace(preset.config, drawn="independent"))


RECIPE = Recipe(
    name="uwm",
    card=CARD,
    presets={"tiny": TINY, "quick": TINY, "robot": ROBOT, "small": SMALL, "paper": PAPER},
    build=build,
    objective=GoalImage(earlier=0.5),  # for planning with its forward view: `wam control RUN --plan`
    mechanism=Mechanism(name="noise levels of video and actions are independent", on=independent, off=coupled),
)
