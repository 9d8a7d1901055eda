"""Sizes of a video model that learns on latent actions first, and the model that they make: what AdaWorld and DreamDojo share."""

from dataclasses import dataclass

from wam.models.actions.latent import LatentActionModel
from wam.models.actions.translation import Translation
from wam.models.observation_space.adapted import Adapted, Pretrained
from wam.models.observation_space.assembly import VideoConfig, video_model
from wam.models.observation_space.codec import Codec
from wam.world import ActionSpec, ObservationSpec, SpecError, Statistics


@dataclass(frozen=True)
class LatentVideoConfig(VideoConfig):
    """A `VideoConfig` and what stands around it."""

    code: int = 8  # L, numbers of a latent action
    code_width: int = 16  # channels of the latent action model's finest level
    code_levels: int = 3  # of its forward side
    code_dim: int = 128  # of its vectors
    hidden: int = 128  # of the perceptron that says low-level actions in latent ones
    relative: bool = False  # low-level actions as places seen from the step's start


def adapted_model(
    config: LatentVideoConfig, observes: ObservationSpec, acts: ActionSpec, statistics: Statistics, rate: float, sentences: tuple[str, ...]
) -> Adapted:
    """As configured. The latent action model sees pixels, whatever the video model sees."""
    if config.acts == "none":
        raise SpecError('acts = "none": a model that is told no actions cannot learn from latent ones. Choose "frame" or "clip".')
    latent = ActionSpec(latent=config.code, per_step=acts.per_step)
    codes = LatentActionModel(
        Codec(observes),
        config.code,
        per_step=acts.per_step,
        width=config.code_width,
        levels=config.code_levels,
        dim=config.code_dim,
        moving=config.moving,
    )
    world = video_model(config, observes, latent, Statistics(acts=latent), rate, sentences)
    return Adapted(Pretrained(codes, world), Translation(acts, statistics, config.code, hidden=config.hidden, relative=config.relative))
