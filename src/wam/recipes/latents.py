"""What recipes of video models share: their stages, in pixels or in an autoencoder's latents, and how a video model of all cameras is built."""

from dataclasses import replace
from pathlib import Path

from torch import nn

from wam.data import DataSpec
from wam.models.observation_space.assembly import VideoConfig, video_model
from wam.models.observation_space.video import VideoWorldModel
from wam.models.world_action.joint import JointModel
from wam.recipes.remembered import remembered
from wam.recipes.usual import cameras_only, usual
from wam.train import Stage
from wam.world import Statistics, Windows


def remember(model: nn.Module, windows: Windows, folder: Path) -> Windows:
    """Takes the moments of the codec's latents, then encodes every frame: windows that bring their latents. For `Stage.derives`."""
    assert isinstance(model, VideoWorldModel | JointModel)
    codec = model.codec
    return remembered(windows, folder, codec, features=codec.latents, fit=codec.fit, encode=codec.encode)


def picture_stage(codec: str, *, steps: int, batch: int, past: int = 1, horizon: int = 1) -> Stage:
    """An autoencoder, before what uses its latents. `codec`: the submodule's name."""
    weights = {f"{codec}.reconstruction": 1.0, f"{codec}.kl": 1e-3}
    learner = usual(weights, steps=steps, batch=batch, learning_rate=1e-3, past=past, horizon=horizon, precision="bf16", unlabelled=True)
    return Stage(name="pictures", learner=learner, parts=(codec,))


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
    seeing = picture_stage("codec", steps=pictures, batch=batch, past=past, horizon=horizon)
    (world,) = pixel_stages(steps=steps, batch=batch, learning_rate=learning_rate, past=past, horizon=horizon)
    return seeing, replace(world, after=("pictures",), frozen=("codec",), derives=remember)


def build_video(config: VideoConfig, data: DataSpec, statistics: Statistics) -> nn.Module:
    """A video model of all cameras, whatever proprioception the data has."""
    seen, known = cameras_only(data, statistics)
    return video_model(config, seen, data.acts, known, data.rate, data.sentences)


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
    return (
        picture_stage("codec", steps=pictures, batch=batch, past=past, horizon=horizon),
        Stage(name="joint", after=("pictures",), learner=both, frozen=("codec",), derives=remember),
    )
