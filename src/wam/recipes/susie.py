"""SuSIE (arXiv 2310.10639) on your demonstrations: see `CARD`."""

from dataclasses import dataclass, replace
from typing import Literal

from torch import nn

from wam.data import DataSpec
from wam.models.observation_space.assembly import VideoConfig, video_model
from wam.models.policies.chunk_policy import ChunkPolicy
from wam.models.policies.perception import Look
from wam.models.world_action.grounding import ByGoal
from wam.models.world_action.imagine_then_execute import ImagineThenExecute
from wam.nets.blocks.action_unet import ActionUNet
from wam.nets.generate.generation import Kind, action_generation
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe
from wam.recipes.slower import slower
from wam.recipes.usual import cameras_only, require_instructions, usual
from wam.train import Stage
from wam.world import Statistics

CARD = Card(
    title="SuSIE",
    paper="2310.10639",
    place="world action model: imagine a visual sub-goal, then execute (tutorial 3)",
    idea="The present picture is edited into one some way ahead, as the instruction says; a goal-conditioned policy that reads no text goes there.",
    parts=(
        "U-Net that edits a picture",
        "instruction by cross-attention and as one vector, guidance",
        "goal-conditioned diffusion policy, goals from hindsight",
    ),
    differs=(
        "At tiny the sub-goal is the mean of what may be there, by regression, told where things are (`eye`); from small on it is drawn by flow, with one "
        "guidance weight for the instruction instead of one each for picture and text.",
        "The sub-goal is a fixed number of steps ahead, or the last frame of an episode that ends before, instead of drawn from a narrow range.",
        "A sub-goal is imagined anew every other step, so the policy learns from goals in the second half of the way there; the paper's from all of it.",
        "Everything is learned from the demonstrations at hand; the paper starts from an image editor of the internet.",
    ),
    data="demonstrations with instructions: pictures for the sub-goals, actions for the policy, which needs no instructions",
    uses=("imagine", "control", "serve"),
)

AHEAD = 12  # model steps from a picture to its sub-goal


@dataclass(frozen=True)
class SuSIEConfig(VideoConfig):
    """One picture some way ahead, and the policy that goes there."""

    context: int = 1  # the present frame
    acts: Literal["frame", "clip", "none"] = "none"
    reads: bool = True
    eye: int = 32
    actions: Kind = "flow"  # how they are drawn
    draws: int = 8  # noisy chunks that a decision is learned from
    policy: int = 128  # width of what the policy knows
    channels: int = 32  # of its U-Net
    horizon: int = 4  # steps that it draws at once
    execute: int = 2  # of them done before a new sub-goal


def _stages(*, goals: int, policy: int, batch: int, learning_rate: float) -> tuple[Stage, ...]:
    """Two halves that learn apart."""
    pictures = usual({"video.video": 1.0}, steps=goals, batch=batch, learning_rate=learning_rate, horizon=AHEAD, precision="bf16", unlabelled=True)
    acting = usual({"grounder.actions": 1.0}, steps=policy, batch=2 * batch, learning_rate=learning_rate, horizon=AHEAD, precision="bf16")
    return (
        Stage(name="goals", learner=pictures, parts=("video",), derives=slower("video")),
        Stage(name="policy", learner=acting, parts=("grounder",)),
    )


TINY = Preset(
    config=SuSIEConfig(law="regression", residual=True),
    stages=_stages(goals=2000, policy=4200, batch=32, learning_rate=2e-3),
    size=32,
    skip=3,
)
SMALL = Preset(
    config=SuSIEConfig(clean=True, width=64, levels=4, steps=10, dropped_frames=0.1, dropped_words=0.1, guidance=1.5, policy=256, channels=128),
    stages=_stages(goals=20_000, policy=20_000, batch=128, learning_rate=5e-4),
    size=64,
    skip=3,
)
PAPER = Preset(
    config=SuSIEConfig(width=320, levels=4, eye=0, steps=50, dropped_frames=0.1, dropped_words=0.1, guidance=7.5, policy=512, channels=256),
    stages=_stages(goals=40_000, policy=200_000, batch=128, learning_rate=1e-4),
    size=256,
    skip=4,
)


def build(config: SuSIEConfig, data: DataSpec, statistics: Statistics) -> nn.Module:
    """Cameras only. SpecError for data without instructions."""
    require_instructions(data, "susie")
    seen, known = cameras_only(data, statistics)
    leaps = replace(data.acts, per_step=data.acts.per_step * AHEAD)
    video = video_model(config, seen, leaps, replace(known, acts=leaps), data.rate / AHEAD, data.sentences)
    look = Look(seen, known, config.policy, context=1, goal=True)
    head = ActionUNet(data.acts.per_step * len(data.acts.low_level), config.policy, width=config.channels)
    drawn = action_generation(config.actions, config.steps)
    policy = ChunkPolicy(
        look,
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
    return ImagineThenExecute(video, ByGoal(policy), data.acts, chunk=config.horizon, execute=config.execute, rate=data.rate)


def without_words(preset: Preset) -> Preset:
    """Sub-goals are imagined without the instruction: the video model cannot read."""
    return replace(preset, config=replace(preset.config, reads=False, dropped_words=0.0, guidance=1.0))


RECIPE = Recipe(
    name="susie",
    card=CARD,
    presets={"tiny": TINY, "quick": TINY.shortened(0.68), "small": SMALL, "paper": PAPER},
    build=build,
    mechanism=Mechanism(name="the sub-goal is what the instruction asks for", off=without_words),
)
