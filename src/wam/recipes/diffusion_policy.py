"""Diffusion Policy (arXiv 2303.04137) on your demonstrations: see `CARD`."""

from dataclasses import dataclass, replace

from torch import nn

from wam.data import DataSpec
from wam.models.policies.chunk_policy import ChunkPolicy
from wam.models.policies.perception import Look
from wam.nets.blocks.action_unet import ActionUNet
from wam.nets.generate.generation import Kind, action_generation
from wam.nets.perceive.text import text_encoder
from wam.recipes.recipe import Card, Mechanism, Preset, Recipe
from wam.recipes.usual import usual
from wam.train import Stage
from wam.world import SpecError, Statistics

CARD = Card(
    title="Diffusion Policy",
    paper="2303.04137",
    place="policy without a world model: the baseline of world action models (tutorial 3)",
    idea="A chunk of actions is drawn by denoising, so that of several good ways one is taken and not their mean.",
    parts=("places by spatial softmax, told by the instruction what to look for", "1-D convolutional U-Net over the chunk", "rectified flow"),
    differs=(
        "Rectified flow in a few steps instead of DDPM; the paper's size keeps diffusion, and asks for v instead of the noise.",
        "Three convolutions before the spatial softmax instead of a ResNet; instructions scale and shift them (FiLM).",
    ),
    data="demonstrations: frames, low-level actions, instructions where there are some",
    uses=("control", "serve"),
)


@dataclass(frozen=True)
class DiffusionPolicyConfig:
    """Sizes. Defaults are `tiny`."""

    dim: int = 128  # of what is known, and of the condition
    width: int = 32  # channels of the encoders
    context: int = 1  # frames looked back at
    words: int = 32  # width of a word, where words are learned
    text: str = ""  # a text model of `transformers` that reads instructions, by name or folder; empty = words are learned
    channels: int = 32  # of the U-Net's first level
    chunk: int = 4  # model steps drawn at once
    execute: int = 2  # of them done before the next chunk
    feels: bool = True  # proprioception too; without it the policy can act in a model that imagines pictures alone
    law: Kind = "flow"
    steps: int = 6  # network evaluations per chunk
    draws: int = 8  # noisy chunks that a decision is learned from


def _stage(*, steps: int, batch: int, learning_rate: float, horizon: int, past: int = 1) -> Stage:
    """Also from the beginning of an episode, where nothing lies before, and from its end."""
    return Stage(name="policy", learner=usual({"actions": 1.0}, steps=steps, batch=batch, learning_rate=learning_rate, past=past, horizon=horizon))


TINY = Preset(
    config=DiffusionPolicyConfig(),
    stages=(_stage(steps=6000, batch=64, learning_rate=2e-3, horizon=4),),
    size=32,
    skip=3,
)


def by_sight(preset: Preset) -> Preset:
    """Sees cameras alone: it can act in a model that imagines pictures, and be compared with systems that see no more."""
    return replace(preset, config=replace(preset.config, feels=False))


SMALL = Preset(
    config=DiffusionPolicyConfig(dim=256, width=64, context=2, channels=128, chunk=5, steps=10),
    stages=(_stage(steps=30_000, batch=256, learning_rate=5e-4, horizon=5, past=2),),
    size=64,
    skip=3,
)
PAPER = Preset(
    config=DiffusionPolicyConfig(dim=512, width=64, context=2, channels=256, chunk=16, execute=8, law="v", steps=16),
    stages=(_stage(steps=200_000, batch=64, learning_rate=1e-4, horizon=16, past=2),),
    size=128,
)


def build(config: DiffusionPolicyConfig, data: DataSpec, statistics: Statistics) -> nn.Module:
    """Cameras and proprioception, instructions where the data has some. SpecError for data without low-level actions."""
    if not data.acts.low_level:
        raise SpecError(f"diffusion_policy draws low-level actions, and the data has {data.acts}. Record or convert a set with low-level actions.")
    seen = replace(data.observes, points=0, state=None, proprio=data.observes.proprio if config.feels else ())
    words = text_encoder(config.text, data.sentences, width=config.words) if data.sentences else None
    known = statistics.for_proprio(seen.proprio)
    look = Look(seen, known, config.dim, context=config.context, width=config.width, words=words)
    head = ActionUNet(data.acts.per_step * len(data.acts.low_level), config.dim, width=config.channels)
    drawn = action_generation(config.law, config.steps)
    return ChunkPolicy(
        look,
        head,
        drawn,
        data.acts,
        known,
        condition=config.dim,
        chunk=config.chunk,
        execute=config.execute,
        rate=data.rate,
        draws=config.draws,
    )


def one_at_a_time(preset: Preset) -> Preset:
    """A new chunk for every action: the first action of each, nothing committed to."""
    return replace(preset, config=replace(preset.config, execute=1))


RECIPE = Recipe(
    name="diffusion_policy",
    card=CARD,
    presets={"tiny": TINY, "quick": TINY.shortened(0.65), "sight": by_sight(TINY), "small": SMALL, "paper": PAPER},
    build=build,
    mechanism=Mechanism(name="several actions of a chunk are executed", off=one_at_a_time, trained=False),
)
