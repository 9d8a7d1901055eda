"""UniPi (arXiv 2302.00111) on your demonstrations: see `CARD`."""

from dataclasses import dataclass, replace
from typing import Literal

from torch import nn

from wam.data import DataSpec
from wam.models.observation_space.assembly import VideoConfig, video_model
from wam.models.world_action.grounding import ByInverseDynamics
from wam.models.world_action.imagine_then_execute import ImagineThenExecute
from wam.models.world_action.inverse import InverseDynamics
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe
from wam.recipes.usual import cameras_only, require_instructions, usual
from wam.train import Stage
from wam.world import Statistics

CARD = Card(
    title="UniPi",
    paper="2302.00111",
    place="world action model: imagine, then execute (tutorial 3); its video model: observation space, RGB, language (2.1)",
    idea="A text-conditioned video of what should happen, from the present frame on; inverse dynamics reads the actions off it.",
    parts=("video U-Net over a clip", "present frame beside every frame", "instruction by cross-attention, guidance", "inverse dynamics of frame pairs"),
    differs=(
        "One clip at one rate; the paper's temporal super-resolution is left out, for clips of a few frames.",
        "Rectified flow, at tiny a regression of one frame after the next, told where things are (`eye`); words learned with the model instead of T5.",
        "Executed in part, then imagined again; the paper executes open loop.",
    ),
    data="demonstrations with instructions: videos for the video model, actions for the inverse dynamics",
    uses=("imagine", "control", "serve"),
)


@dataclass(frozen=True)
class UniPiConfig(VideoConfig):
    """A clip of frames that instructions describe, and what reads actions off it."""

    context: int = 1  # the present frame
    chunk: int = 4  # frames imagined
    acts: Literal["frame", "clip", "none"] = "none"
    reads: bool = True
    inverse: int = 128  # width of the inverse dynamics
    execute: int = 2  # steps done before it imagines again


def _stages(*, video: int, inverse: int, batch: int, learning_rate: float, horizon: int) -> tuple[Stage, ...]:
    """Two halves that learn apart."""
    return (
        Stage(
            name="video",
            learner=usual({"video.video": 1.0}, steps=video, batch=batch, learning_rate=learning_rate, horizon=horizon, precision="bf16", unlabelled=True),
            parts=("video",),
        ),
        Stage(
            name="inverse",
            learner=usual({"grounder.inverse": 1.0}, steps=inverse, batch=2 * batch, learning_rate=1e-3, horizon=1),
            parts=("grounder",),
        ),
    )


TINY = Preset(
    config=UniPiConfig(law="regression", residual=True, eye=32, chunk=1, execute=1),
    stages=_stages(video=6600, inverse=1000, batch=16, learning_rate=2e-3, horizon=1),
    size=32,
)
SMALL = Preset(
    config=UniPiConfig(clean=True, width=64, levels=4, time="full", steps=10, dropped_frames=0.1, dropped_words=0.1, guidance=1.5, inverse=256),
    stages=_stages(video=20_000, inverse=5000, batch=64, learning_rate=5e-4, horizon=4),
    size=64,
    skip=3,
)
PAPER = Preset(
    config=UniPiConfig(width=320, levels=4, time="full", chunk=10, steps=50, dropped_frames=0.1, dropped_words=0.1, guidance=1.5, inverse=512, execute=10),
    stages=_stages(video=2_000_000, inverse=100_000, batch=2048, learning_rate=1e-4, horizon=10),
    size=64,
    skip=8,
)


def build(config: UniPiConfig, data: DataSpec, statistics: Statistics) -> nn.Module:
    """Cameras only. SpecError for data without instructions."""
    require_instructions(data, "unipi")
    seen, known = cameras_only(data, statistics)
    video = video_model(config, seen, data.acts, known, data.rate, data.sentences)
    grounder = ByInverseDynamics(InverseDynamics(seen, data.acts, known, dim=config.inverse))
    looks = config.dropped_frames < 1
    return ImagineThenExecute(video, grounder, data.acts, chunk=config.chunk, execute=config.execute, rate=data.rate, looks=looks)


def without_first_frame(preset: Preset) -> Preset:
    """The video model never sees the present frame, neither while it learns nor when it imagines: words alone say what comes."""
    return replace(preset, config=replace(preset.config, dropped_frames=1.0))


RECIPE = Recipe(
    name="unipi",
    card=CARD,
    presets={"tiny": TINY, "quick": TINY.shortened(0.57), "small": SMALL, "paper": PAPER},
    build=build,
    mechanism=Mechanism(name="the present frame as a condition that is trained", off=without_first_frame),
)
