"""Sizes of a joint model in one flat record, and the model that they make: what recipes of joint video-action models share."""

from collections.abc import Sequence
from dataclasses import dataclass

from wam.models.observation_space.codec import Codec
from wam.models.world_action.joint import JointModel
from wam.models.world_action.joint_network import ACTIONS, JointNetwork
from wam.models.world_action.joint_programs import Lesson, Program
from wam.models.world_action.joint_tokens import ActionTokens, FrameTokens, PictureTokens
from wam.nets.blocks.masks import Rule
from wam.nets.blocks.streams import StreamTransformer
from wam.nets.generate.flow import Flow
from wam.nets.perceive.keypoints import KeypointEncoder
from wam.nets.perceive.text import text_encoder
from wam.world import ActionSpec, ObservationSpec, SpecError, Statistics

MOVED = 3  # copies of the last frame, moved as a step is told, where actions lead


@dataclass(frozen=True)
class JointConfig:
    """Defaults are a tiny transformer over 16 tokens per frame, in an autoencoder's latents of 32 px pictures."""

    latent: int = 4  # channels of an autoencoder's latents; 0 = pixels
    reduction: int = 4  # px per latent cell
    codec: int = 32  # channels of the autoencoder's first layer
    patch: int = 2  # cells per token, along each side
    fine: int = 0  # channels of convolutions around patches of pixels, which draw over the last frame; 0 = patches alone
    leads: bool = False  # each frame is told the actions that lead there; where it is `fine`, copies of the last one move as they say
    dim: int = 128  # width of the video stream
    narrow: int = 0  # width of an action stream with weights of its own; 0 = actions share the video's weights
    depth: int = 6
    heads: int = 4  # each of dim / heads
    condition: int = 64  # width of the vectors that say the noise levels
    words: int = 64  # width of a word of the instruction, where words are learned
    text: str = ""  # a text model of `transformers` that reads it, by name or folder; empty = words are learned
    attends: bool = True  # to the words one by one; they are always told by their mean
    eye: int = 0  # channels of what sums up the last frame for all tokens; 0 = tokens alone
    context: int = 1  # W, clean frames observed
    chunk: int = 4  # K, steps drawn together
    execute: int = 2  # of them done before the next decision
    steps: int = 6  # network evaluations for what is drawn at once
    dropped_frames: float = 0.0  # chances of leaving out, while learning
    dropped_words: float = 0.0
    moving: float = 10.0  # extra weight of what changes
    residual: bool = False  # the video is drawn as the difference from the last frame observed
    clean: bool = False  # the video's frames are asked for, not their velocity: patches of more numbers than `dim` (see `nets.generate.flow`)


def joint_model(
    config: JointConfig,
    observes: ObservationSpec,
    acts: ActionSpec,
    statistics: Statistics,
    rate: float,
    sentences: tuple[str, ...],
    *,
    rules: Sequence[Rule],
    lessons: tuple[Lesson, ...],
    program: Program,
) -> JointModel:
    """As configured, with rectified flows; instructions are read where there are sentences. SpecError without low-level actions or cameras."""
    if not acts.low_level:
        raise SpecError(f"a joint model draws low-level actions, and the data has {acts}. Record or convert a set with low-level actions.")
    if config.fine and (not config.clean or config.residual or config.latent):
        raise ValueError(
            f"fine draws frames of pixels over the last one: expected clean=True (frames are asked for), residual=False and latent=0 beside it, "
            f"got clean={config.clean}, residual={config.residual}, latent={config.latent}."
        )
    codec = Codec(observes, latent=config.latent, reduction=config.reduction, width=config.codec)
    words = text_encoder(config.text, sentences, width=config.words) if sentences else None
    widths = (config.dim, config.narrow) if config.narrow else (config.dim,)
    asked = words.width if words is not None else 0
    net = StreamTransformer(widths, config.depth, config.heads, config.dim // config.heads, condition=config.condition, context=asked if config.attends else 0)
    moved = MOVED if config.leads else 0
    tokens = {
        "video": PictureTokens(
            codec.shape, config.dim, patch=config.patch, channels=config.fine, condition=config.condition, moved=moved, cameras=len(observes.cameras)
        )
        if config.fine
        else FrameTokens(codec.shape, config.dim, patch=config.patch),
        ACTIONS: ActionTokens(acts.per_step * len(acts.low_level), widths[-1]),
    }
    eye = KeypointEncoder(codec.shape[0], config.condition, width=config.eye, condition=asked) if config.eye else None
    network = JointNetwork(net, tokens, rules, steps=config.chunk, context=config.context, condition=config.condition, words=asked, eye=eye, leads=config.leads)
    return JointModel(
        codec,
        network,
        acts,
        statistics,
        processes=(Flow("x" if config.clean else "velocity"), Flow()),
        lessons=lessons,
        program=program,
        steps=config.steps,
        execute=config.execute,
        rate=rate,
        words=words,
        dropped_frames=config.dropped_frames,
        dropped_words=config.dropped_words,
        moving=config.moving,
        residual=config.residual,
    )
