"""Sizes and choices of a video world model in one flat record, and the model that they make: what recipes of tutorial 2.1 share."""

from dataclasses import dataclass
from typing import Literal

from wam.models.actions.embed import ActionEmbedding
from wam.models.observation_space.backbones import Backbone, StackedBackbone, TransformerBackbone, UNetBackbone
from wam.models.observation_space.codec import Codec
from wam.models.observation_space.video import Dropped, VideoWorldModel
from wam.nets.blocks.streams import StreamTransformer
from wam.nets.blocks.unet import Time, UNet
from wam.nets.generate.generation import Generation, Kind, generation
from wam.nets.perceive.keypoints import KeypointEncoder
from wam.nets.perceive.text import text_encoder
from wam.world import ActionSpec, ObservationSpec, SpecError, Statistics


@dataclass(frozen=True)
class VideoConfig:
    """Defaults are a flow U-Net in pixels, next frame from two."""

    latent: int = 0  # channels of an autoencoder's latents; 0 = pixels
    reduction: int = 4  # px per latent cell
    codec: int = 32  # channels of the autoencoder's first layer
    backbone: Literal["unet", "transformer"] = "unet"
    width: int = 32  # channels of the U-Net's finest level
    levels: int = 3  # of the U-Net; level l has l times the width
    fold: int = 2  # px folded into channels at the U-Net's entrance
    time: Time = "none"  # how the frames of a chunk see each other, unless they are stacked
    stacked: bool = False  # they are channels of one picture, and see each other so
    dim: int = 192  # of the transformer
    depth: int = 6
    heads: int = 6
    patch: int = 1  # cells per token, along each side
    condition: int = 128  # width of the vectors that say noise level and actions
    context: int = 2  # W, clean frames looked back at
    anchor: bool = False  # and the first frame of all, in a U-Net; learned where windows have a long past
    chunk: int = 1  # K, frames generated together
    law: Kind = "flow"  # how frames are drawn
    clean: bool = False  # a flow asks for frames, not their velocity: in pixels it hardly learns otherwise (see `nets.generate.flow`)
    steps: int = 6  # network evaluations per chunk, where it is denoised
    per_frame: bool = False  # while learning, a noise level for each frame of a chunk (diffusion forcing, arXiv 2407.01392), instead of one for all
    acts: Literal["frame", "clip", "none"] = "frame"  # actions per frame, as one vector for all K, or not told
    reads: bool = False  # the instruction
    text: str = ""  # a text model of `transformers` that reads it, by name or folder; empty = words are learned
    eye: int = 0  # channels of what says where things are in the last frame; 0 = the backbone alone
    dropped_frames: float = 0.0  # chances of leaving out, while learning
    dropped_actions: float = 0.0
    dropped_words: float = 0.0
    context_noise: float = 0.0  # largest noise level of remembered frames, while learning
    own: float = 0.0  # share of the rows that remember what they draw themselves, while learning; needs a horizon of several chunks
    moving: float = 0.0  # extra weight of what changes
    residual: bool = False  # generate the difference from the last frame
    temporal: float = 0.0  # weight of the error of differences between neighbouring frames
    guidance: float = 1.0


def video_model(
    config: VideoConfig, observes: ObservationSpec, acts: ActionSpec, statistics: Statistics, rate: float, sentences: tuple[str, ...]
) -> VideoWorldModel:
    """As configured. What it consumes is `acts` where it is told actions, else steps without any. ValueError for choices that exclude each other."""
    if config.text and not config.reads:
        raise SpecError(f"text = {config.text!r} names what reads the instruction, and the model reads none. Set reads, or leave text empty.")
    if config.per_frame and config.stacked:
        raise SpecError(
            "per_frame gives every frame a noise level of its own, and stacked frames are one picture. Leave per_frame off, or do not stack the frames."
        )
    if config.time != "none" and config.stacked:
        raise SpecError(
            f"stacked frames are one picture and see each other whole; time={config.time!r} says otherwise. Leave it out, or do not stack the frames."
        )
    codec = Codec(observes, latent=config.latent, reduction=config.reduction, width=config.codec)
    words = text_encoder(config.text, sentences) if config.reads else None
    spread = 1.0 if config.latent else 0.5
    drawn = generation(config.law, config.steps, spread=spread, temporal=config.temporal, per_frame=config.per_frame, clean=config.clean)
    shared = config.chunk if config.acts == "clip" else 1
    return VideoWorldModel(
        codec,
        _backbone(config, codec, drawn, words.width if words is not None else 0),
        drawn,
        condition=config.condition,
        context=config.context,
        chunk=config.chunk,
        consumes=acts if config.acts != "none" else ActionSpec(per_step=acts.per_step),
        rate=rate,
        actions=ActionEmbedding(acts, statistics, config.condition, shared_by=shared) if config.acts != "none" else None,
        words=words,
        eye=KeypointEncoder(codec.shape[0], config.condition, width=config.eye, condition=words.width if words is not None else 0) if config.eye else None,
        dropped=Dropped(frames=config.dropped_frames, actions=config.dropped_actions, words=config.dropped_words),
        context_noise=config.context_noise,
        own=config.own,
        moving=config.moving,
        residual=config.residual,
        guidance=config.guidance,
    )


def _backbone(config: VideoConfig, codec: Codec, drawn: Generation, words: int) -> Backbone:
    outputs = drawn.outputs(codec.shape[0])
    if config.backbone == "transformer":
        if config.anchor:
            raise SpecError(
                "a transformer keeps the last frames only; anchor is of the U-Net. Set backbone to unet, or context to as many frames as it should see."
            )
        net = StreamTransformer((config.dim,), config.depth, config.heads, config.dim // config.heads, condition=config.condition, context=words)
        return TransformerBackbone(codec.shape, outputs, net, patch=config.patch, context=config.context, time=config.time)
    together = config.chunk if config.stacked else 1
    unet = UNet(
        UNetBackbone.channels(codec.shape, config.context, together, anchor=config.anchor),
        together * outputs,
        condition=config.condition,
        width=config.width,
        levels=tuple(range(1, config.levels + 1)),
        fold=config.fold,
        context=words,
        time=config.time,
    )
    if config.stacked:
        return StackedBackbone(codec.shape, unet, context=config.context, anchor=config.anchor, chunk=config.chunk, condition=config.condition)
    return UNetBackbone(codec.shape, unet, context=config.context, anchor=config.anchor)
