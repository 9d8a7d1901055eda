"""What of a model can be shown, and how far it is from the truth. Pictures are uint8, "3 h w", on the CPU."""

from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from wam.evaluate.metrics import moving_pixels, psnr, squared_error
from wam.show.play.messages import Pictures
from wam.world import Env, Future, SpecError, WorldModel, cameras_shown, pictures_of, to_uint8


def require_playable(model: WorldModel[Any], world: Env | None) -> None:
    """SpecError for a model that shows no pictures or takes what keys cannot give, and for a world that does not fit it."""
    spec, consumes = model.spec, model.spec.consumes
    if not cameras_shown(model):
        raise SpecError(
            f"{type(model).__name__} shows no pictures: it predicts none, and has no decoder that shows its states. Play a model that sees cameras and "
            "predicts rgb, or that inherits wam.world.Decodes."
        )
    if unseen := set(cameras_shown(model)) - set(spec.observes.cameras):
        raise SpecError(f"{type(model).__name__} predicts the cameras {sorted(unseen)}, which it never sees: there is no real frame to begin with.")
    parts = {"camera": consumes.camera, "keys": consumes.keys, "latent": consumes.latent, "language": consumes.sentences, "skill": consumes.skills}
    if odd := [name for name, wanted in parts.items() if wanted]:
        raise SpecError(f"{type(model).__name__} takes the action parts {odd}; keys drive low-level slots only.")
    if world is None:
        return
    mine, theirs = [slot.name for slot in consumes.low_level], [slot.name for slot in world.spec.acts.low_level]
    if (mine, consumes.per_step, world.batch) != (theirs, world.spec.acts.per_step, 1) or spec.chunk % world.spec.chunk:
        raise SpecError(
            f"the model takes {consumes.per_step} x {mine} per step and predicts {spec.chunk} steps at once; the world {world.spec.name!r} has "
            f"{world.batch} rows, takes {world.spec.acts.per_step} x {theirs} and moves {world.spec.chunk} at once, expected one row and the same actions. "
            "Choose the world that the model learned, at its clock."
        )


def pictures(model: WorldModel[Any], future: Future) -> dict[str, UInt8[Tensor, "H 3 h w"]]:
    """What a predicted future of one row looks like, camera by camera, on the CPU."""
    shown = pictures_of(model, future)
    if shown is None:
        raise SpecError(f"{type(model).__name__} promises pictures and predicted none. Check what its `predict` and `decode` return.")
    return {name: to_uint8(rgb[0].float() if rgb.is_floating_point() else rgb[0]).cpu() for name, rgb in shown.items()}


def drifted(imagined: Pictures, truth: Pictures, seen: Pictures) -> float | None:
    """PSNR (dB) over all cameras, where the truth or the imagination differs from what was seen last; None where neither does."""
    errors = []
    for name, true in truth.items():
        made, there, before = imagined[name][None, None], true[None, None], seen[name][None]
        moving = moving_pixels(there, before) | moving_pixels(made, before)
        errors.append(squared_error(made, there)[moving])
    moved = torch.cat(errors)
    return float(psnr(moved.mean())) if moved.numel() else None
