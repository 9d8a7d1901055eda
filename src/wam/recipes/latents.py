"""What recipes of video models share: their stages, in pixels or in an autoencoder's latents, and how a video model of all cameras is built.

Between an autoencoder's stage and that of what uses its latents every frame is encoded once, into the run's folder.
"""

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from wam.data import DataSpec, WindowDataset, with_latents
from wam.models.observation_space.assembly import VideoConfig, video_model
from wam.models.observation_space.video import VideoWorldModel
from wam.models.world_action.joint import JointModel
from wam.recipes.usual import usual
from wam.train import Stage
from wam.world import Latent, Observation, Statistics, Windows

SEEN = 1024  # frames over which the latents' moments are taken


def remember(model: nn.Module, windows: Windows, folder: Path) -> Windows:
    """Takes the moments of the codec's latents, then encodes every frame: windows that bring their latents. For `Stage.derives`.

    TypeError for windows that were not cut from recorded frames.
    """
    assert isinstance(model, VideoWorldModel | JointModel)
    if not isinstance(windows, WindowDataset):
        raise TypeError(f"latents are kept for windows cut from recorded frames (WindowDataset), got {type(windows).__name__}.")
    codec, device = model.codec, model.zero.device
    drawn = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))[:SEEN]
    codec.fit(windows.batch(drawn).past.observation.to(device))

    @torch.no_grad()
    def encode(observation: Observation) -> Latent:
        return Latent(z=codec.encode(observation.to(device)))

    return replace(windows, frames=with_latents(windows.frames, codec, encode, folder / "cache"))


def pixel_stages(*, steps: int, batch: int, learning_rate: float, past: int = 2, horizon: int = 1, edges: bool = False) -> tuple[Stage, ...]:
    """A video model in one stage; also from episodes whose actions nobody recorded."""
    learner = usual(
        {"video": 1.0},
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        past=past,
        horizon=horizon,
        edges=edges,
        precision="bf16",
        unlabelled=True,
    )
    return (Stage(name="world", learner=learner),)


def latent_stages(*, pictures: int, steps: int, batch: int, learning_rate: float, past: int = 2, horizon: int = 4) -> tuple[Stage, ...]:
    """An autoencoder first, then the video model of its latents."""
    codec = usual(
        {"codec.reconstruction": 1.0, "codec.kl": 1e-3},
        steps=pictures,
        batch=batch,
        learning_rate=1e-3,
        past=past,
        horizon=horizon,
        precision="bf16",
        unlabelled=True,
    )
    (world,) = pixel_stages(steps=steps, batch=batch, learning_rate=learning_rate, past=past, horizon=horizon)
    return Stage(name="pictures", learner=codec, parts=("codec",)), replace(world, after=("pictures",), frozen=("codec",), derives=remember)


def build_video(config: VideoConfig, data: DataSpec, statistics: Statistics) -> nn.Module:
    """A video model of all cameras, whatever proprioception the data has."""
    seen = replace(data.observes, proprio=(), points=0, state=None)
    return video_model(config, seen, data.acts, statistics.for_proprio(()), data.rate, data.sentences)


def joint_stages(
    *,
    steps: int,
    batch: int,
    learning_rate: float,
    past: int,
    horizon: int,
    pictures: int = 0,
    video: float = 1.0,
    eye: float = 1.0,
    warmup: int = 50,
) -> tuple[Stage, ...]:
    """An autoencoder first, then video and actions together in its latents; both also from episodes whose actions nobody recorded.

    With `pictures` = 0 there is no autoencoder, and the frames are pixels. `video`: weight of its error, beside 1 for that of the actions. `eye`: of its
    learning rate, beside 1 for the rest; one that learns fast needs a longer `warmup`, or it may never find what moves.
    """
    both = usual(
        {"video": video, "actions": 1.0},
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        past=past,
        horizon=horizon,
        warmup=warmup,
        precision="bf16",
        unlabelled=True,
        labelled=0.5,
    )
    if eye != 1:
        both = replace(both, factors={"network.eye": eye})
    if not pictures:
        return (Stage(name="joint", learner=both),)
    codec = replace(both, weights={"codec.reconstruction": 1.0, "codec.kl": 1e-3}, factors={}, steps=pictures, learning_rate=1e-3, labelled=0.0)
    return (
        Stage(name="pictures", learner=codec, parts=("codec",)),
        Stage(name="joint", after=("pictures",), learner=both, frozen=("codec",), derives=remember),
    )
