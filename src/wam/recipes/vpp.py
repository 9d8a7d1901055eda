"""VPP, Video Prediction Policy (arXiv 2412.14803) on your demonstrations: see `CARD`."""

from dataclasses import dataclass, replace
from typing import Literal

from torch import nn

from wam.data import DataSpec
from wam.models.observation_space.assembly import VideoConfig, video_model
from wam.models.world_action.video_features import FeaturePolicy, VideoFeatures
from wam.nets.blocks.action_expert import ActionExpert
from wam.nets.blocks.action_unet import ActionUNet
from wam.nets.generate.generation import Kind, action_generation
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe
from wam.recipes.slower import slower
from wam.recipes.usual import cameras_only, require_instructions, usual
from wam.train import Gradient, Stage
from wam.world import Statistics

CARD = Card(
    title="VPP",
    paper="2412.14803",
    place="world action model: conditioned on a video model's features (tutorial 3)",
    idea="One pass of a video model, frozen, says what it expects; a policy reads its hidden states, and no frame is ever drawn.",
    parts=("video U-Net over a clip, frozen", "features of all levels", "resampler with learned queries", "flow over the chunk of actions"),
    differs=(
        "Features at full noise, in one pass; the paper takes a low noise level of its own schedule. At tiny the video model is a regression: no noise.",
        "The instruction, and at tiny where the video model's eye and its hidden pictures say that things are, are also told as one vector; the "
        "paper's policy attends alone.",
        "At tiny the head is a small convolutional U-Net that attends once; the paper's is a transformer, as from small on.",
        "At tiny what moves weighs more in the video model's error.",
        "Up to small, expected frames lie three of the policy's steps apart, so that few of them reach as far as what is asked for; "
        "beyond an episode's end they are its last frame.",
        "The video model is small and learns from the data at hand; the paper's saw a hundred thousand human and robot clips.",
    ),
    data="videos with instructions for the video model; demonstrations with actions for the policy",
    uses=("imagine", "control", "serve"),
)


@dataclass(frozen=True)
class VPPConfig(VideoConfig):
    """A video model, and the policy that reads its features."""

    context: int = 1
    chunk: int = 4  # frames that the video model expects at once
    apart: int = 1  # model steps from one of them to the next
    acts: Literal["frame", "clip", "none"] = "none"
    reads: bool = True
    cells: int = 8  # along each side of the grid that hidden pictures are brought to for the resampler
    actions: Kind = "flow"  # how they are drawn
    draws: int = 4  # noisy chunks that a decision is learned from
    queries: int = 4  # tokens per frame
    policy: int = 128  # width of the resampler and of the action head
    looks: int = 1  # layers of the resampler
    points: int = 0  # places read off every hidden picture; 0 = none
    head: Literal["unet", "transformer"] = "unet"  # over the actions; both look at the tokens
    channels: int = 32  # of that U-Net
    layers: int = 6  # of that transformer
    horizon: int = 4  # steps drawn at once
    execute: int = 1  # of them done before the next chunk


VIDEO = "perception.video"


def _stages(*, video: int, policy: int, batch: int, learning_rate: float, frames: int = 4, apart: int = 1, horizon: int = 4) -> tuple[Stage, ...]:
    """The video model first, of frames that lie apart; then the policy, over what it expects."""
    seeing = usual({f"{VIDEO}.video": 1.0}, steps=video, batch=batch, learning_rate=learning_rate, horizon=frames * apart, precision="bf16", unlabelled=True)
    acting = usual({"actions": 1.0}, steps=policy, batch=2 * batch, learning_rate=learning_rate, horizon=horizon, precision="bf16")
    return Stage(name="video", learner=seeing, parts=(VIDEO,), derives=slower(VIDEO)), Stage(name="policy", after=("video",), learner=acting, frozen=(VIDEO,))


TINY = Preset(
    config=VPPConfig(apart=3, law="regression", residual=True, stacked=True, moving=10.0, width=16, eye=32, points=16),
    stages=_stages(video=2300, policy=3800, batch=32, learning_rate=2e-3, apart=3),
    size=32,
    skip=3,
)
SMALL = Preset(
    config=VPPConfig(
        apart=3,
        clean=True,
        width=64,
        levels=4,
        time="full",
        steps=10,
        dropped_frames=0.1,
        dropped_words=0.1,
        cells=16,
        queries=16,
        policy=256,
        looks=2,
        head="transformer",
    ),
    stages=_stages(video=20_000, policy=15_000, batch=64, learning_rate=5e-4, apart=3),
    size=64,
    skip=3,
)
PAPER = Preset(
    config=VPPConfig(
        width=320,
        levels=4,
        time="full",
        chunk=16,
        steps=10,
        dropped_frames=0.1,
        dropped_words=0.1,
        cells=16,
        queries=14,
        policy=384,
        looks=6,
        head="transformer",
        layers=12,
        horizon=10,
        execute=10,
    ),
    stages=_stages(video=200_000, policy=100_000, batch=64, learning_rate=1e-4, frames=16, horizon=10),
    size=256,
)


def build(config: VPPConfig, data: DataSpec, statistics: Statistics) -> nn.Module:
    """Cameras only. SpecError for data without instructions."""
    require_instructions(data, "vpp")
    seen, known = cameras_only(data, statistics)
    leaps = replace(data.acts, per_step=data.acts.per_step * config.apart)
    video = video_model(config, seen, leaps, replace(known, acts=leaps), data.rate / config.apart, data.sentences)
    features = VideoFeatures(video, config.policy, queries=config.queries, depth=config.looks, grid=(config.cells, config.cells), points=config.points)
    size = data.acts.per_step * len(data.acts.low_level)
    head = (
        ActionUNet(size, config.policy, context=config.policy, width=config.channels)
        if config.head == "unet"
        else ActionExpert(size, config.policy, context=config.policy, dim=config.policy, depth=config.layers)
    )
    drawn = action_generation(config.actions, config.steps)
    return FeaturePolicy(
        features,
        head,
        drawn,
        data.acts,
        known,
        condition=config.policy,
        chunk=config.horizon,
        execute=config.execute,
        rate=data.rate,
        draws=config.draws,
    )


def untrained_features(preset: Preset) -> Preset:
    """The same network, whose video model has hardly learned: one step."""
    video, *rest = preset.stages
    assert isinstance(video.learner, Gradient)
    return replace(preset, stages=(replace(video, learner=replace(video.learner, steps=1)), *rest))


RECIPE = Recipe(
    name="vpp",
    card=CARD,
    presets={"tiny": TINY, "quick": TINY.shortened(0.56), "small": SMALL, "paper": PAPER},
    build=build,
    mechanism=Mechanism(name="features of a video model that has learned", off=untrained_features),
)
