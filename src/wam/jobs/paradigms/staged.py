"""Fast-WAM in two stages, an arm of the experiment: what it is to be compared with is trained at once."""

from dataclasses import replace
from pathlib import Path

from torch import nn

from wam.models.world_action.joint import JointModel
from wam.recipes.latents import remember
from wam.recipes.recipe import Preset
from wam.train import Gradient, Stage
from wam.world import Windows


def staged(preset: Preset, *, eye: bool = False) -> Preset:
    """Fast-WAM in two stages of as many steps each: video alone; then actions alone, with all that computes the video held fixed.

    `eye`: the encoder that tells all tokens where things are learns on with the actions. Windows and batches are those of the joint
    training, so actions are learned from as many labelled steps.
    """
    *pictures, joint = preset.stages
    assert isinstance(joint.learner, Gradient)
    video, actions = (replace(joint.learner, weights={"video": share, "actions": 1 - share}) for share in (1.0, 0.0))
    layers = tuple(f"network.net.layers.{depth}.0" for depth in range(preset.config.depth))
    sight = ("network.eye",) if preset.config.eye and not eye else ()
    held = ("codec", "words", "network.heard", *sight, "network.level", "network.given.video", "network.tokens.video", *layers)
    stages = (
        *pictures,
        replace(joint, name="video", learner=video),
        Stage(name="actions", after=("video",), learner=actions, frozen=held, derives=held_fast),
    )
    return replace(preset, stages=stages)


def held_fast(model: nn.Module, windows: Windows, folder: Path) -> Windows:
    """Latents where there are some, as in the joint training.

    The vector that marks observed frames belongs to the video; it is no module that a stage could freeze.
    """
    assert isinstance(model, JointModel)
    model.network.observed.requires_grad_(False)
    return windows if model.codec.autoencoder is None else remember(model, windows, folder)
