"""Fast-WAM (arXiv 2603.16666) on your demonstrations, with the four arms of its experiment: see `CARD`."""

from dataclasses import dataclass, replace
from typing import Literal

from torch import nn

from wam.data import DataSpec
from wam.models.world_action.joint_assembly import JointConfig, joint_model
from wam.models.world_action.joint_network import OBSERVED
from wam.models.world_action.joint_programs import Lesson, Program
from wam.nets.blocks.masks import EVERY, Rule
from wam.nets.generate.generation import ACTION_LAW, FLOW_LAW
from wam.nets.generate.laws import Fixed, Levels, Mixed, Uniform
from wam.recipes.latents import joint_stages
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe
from wam.recipes.usual import cameras_only
from wam.train import Gradient
from wam.world import Statistics

CARD = Card(
    title="Fast-WAM",
    paper="2603.16666",
    place="world action model: auxiliary video (tutorial 3)",
    idea="Learn to predict the video beside the actions, and leave the prediction out when acting: one pass over the present frame, then a narrow "
    "action stream is denoised.",
    parts=("mixture of transformers: video and a narrower action stream", "actions never see the future video", "prefilled present frame", "rectified flow"),
    differs=(
        "Small streams that learn from the data at hand; the paper's video stream is a pretrained model of five billion weights.",
        "A frame per model step, and the actions of a step are one token; the paper has four actions per frame, each a token.",
        "No proprioception. At tiny, patches of pixels between convolutions that draw over the last frame, and a small convolutional encoder beside "
        "them that tells all tokens where things are.",
        "At robot the video is drawn as the difference from the last frame: a room that was not seen before then stays itself.",
        "At tiny an eighth of the rows learn the video, its error weighs a quarter of the actions', and every chunk is left after its first step.",
        "The imagine-first arm's clean video is a second pass in training, not a second copy in one sequence, which computes the same.",
    ),
    data="demonstrations; instructions where there are some",
    uses=("imagine", "control", "serve"),
)

Arm = Literal["fast", "joint", "imagine_first", "no_video"]

NEARLY_CLEAN = Mixed(0.5, Fixed(0.0), Uniform(0.0, 0.5))  # what actions look at in training, where the video is imagined first


@dataclass(frozen=True)
class FastWAMConfig(JointConfig):
    """Two streams with weights of their own."""

    latent: int = 0
    patch: int = 8
    clean: bool = True
    attends: bool = False
    eye: int = 32
    condition: int = 128
    narrow: int = 64
    depth: int = 2
    execute: int = 1
    watched: float = 0.125  # share of the rows that learn the video; all learn to act
    arm: Arm = "fast"


def rules(arm: Arm) -> tuple[Rule, ...]:
    """Who sees whom: all see what was observed, each stream itself, and the arm says the rest."""
    follows = (Rule("actions", "video"),) if arm in ("joint", "imagine_first") else ()
    leads = (Rule("video", "actions"),) if arm == "joint" else ()
    return Rule(EVERY, OBSERVED), Rule("video", "video"), Rule("actions", "actions"), *follows, *leads


def lessons(arm: Arm, watched: float = 1.0) -> tuple[Lesson, ...]:
    """What is learned, at which levels of video and actions; the video in this share of the rows."""
    if arm == "joint":
        return (Lesson(Levels((FLOW_LAW, ACTION_LAW))),)
    video = Lesson(Levels((FLOW_LAW, Fixed(1.0))), learns=("video",), share=watched)
    actions = Lesson(Levels((NEARLY_CLEAN if arm == "imagine_first" else Fixed(1.0), ACTION_LAW)), learns=("actions",), draws=4)
    return (actions,) if arm == "no_video" else (video, actions)


PROGRAMS: dict[Arm, Program] = {"fast": "policy", "joint": "joint", "imagine_first": "imagine first", "no_video": "policy"}

TINY = Preset(config=FastWAMConfig(fine=32), stages=joint_stages(steps=1800, batch=64, learning_rate=2e-3, past=1, horizon=4, video=0.25), size=32, skip=3)
ROBOT = replace(  # a few real episodes, every frame
    TINY, config=FastWAMConfig(residual=True, depth=4, watched=0.25), stages=joint_stages(steps=1000, batch=32, learning_rate=2e-3, past=1, horizon=4), skip=1
)
SMALL = Preset(
    config=FastWAMConfig(
        latent=8, patch=2, clean=False, attends=True, watched=0.25, dim=384, narrow=192, depth=10, heads=6, condition=256, words=128, steps=10
    ),
    stages=joint_stages(pictures=4000, steps=20_000, batch=64, learning_rate=5e-4, past=1, horizon=4),
    size=64,
    skip=3,
)
PAPER = Preset(
    config=FastWAMConfig(
        latent=48,
        reduction=16,
        patch=2,
        clean=False,
        eye=0,
        attends=True,
        watched=1.0,
        dim=3072,
        narrow=1024,
        depth=30,
        heads=24,
        condition=1024,
        words=1024,
        chunk=8,
        execute=3,
        steps=10,
        moving=0.0,
    ),
    stages=joint_stages(pictures=50_000, steps=100_000, batch=128, learning_rate=1e-4, past=1, horizon=8),
    size=224,
    skip=4,
)


def build(config: FastWAMConfig, data: DataSpec, statistics: Statistics) -> nn.Module:
    """Cameras only, instructions where the data has some. SpecError for data without low-level actions."""
    seen, known = cameras_only(data, statistics)
    return joint_model(
        config,
        seen,
        data.acts,
        known,
        data.rate,
        data.sentences,
        rules=rules(config.arm),
        lessons=lessons(config.arm, config.watched),
        program=PROGRAMS[config.arm],
    )


def with_arm(preset: Preset, arm: Arm) -> Preset:
    """The same network in another arm."""
    *pictures, joint = preset.stages
    assert isinstance(joint.learner, Gradient)
    weights = {"actions": 1.0} if arm == "no_video" else joint.learner.weights
    learner = replace(joint.learner, weights=weights)
    return replace(preset, config=replace(preset.config, arm=arm), stages=(*pictures, replace(joint, learner=learner)))


def without_video(preset: Preset) -> Preset:
    """The same network, which never learns to predict the video."""
    return with_arm(preset, "no_video")


RECIPE = Recipe(
    name="fast_wam",
    card=CARD,
    presets={"tiny": TINY, "quick": TINY, "robot": ROBOT, "small": SMALL, "paper": PAPER},
    build=build,
    mechanism=Mechanism(name="the video is learned beside the actions", off=without_video),
)
