"""Squared error of pictures in which most pixels never change: what moves is small, and counts most.

A frame of a window is looked at beside the mean of that window's frames. Does not know: which pixels belong to what.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

REST = 0.02  # weight of a pixel that is as it usually is; one of full emphasis has 1 more


def looked_at(
    frames: Float[Tensor, "B T c h w"], real: Bool[Tensor, "B T"], frame: Int[Tensor, "B"]
) -> tuple[Float[Tensor, "B c h w"], Float[Tensor, "B 1 h w"]]:
    """One frame of each window, and its emphasis: how far its strongest colour is from the mean of the window's real frames, 0..1."""
    usual = (frames * real[..., None, None, None]).sum(1) / real.sum(1).clamp_min(1)[:, None, None, None]
    shown = frames[torch.arange(len(frames), device=frames.device), frame]
    return shown, (shown - usual).abs().amax(1, keepdim=True)


def emphasised_error(found: Float[Tensor, "N c h w"], pictures: Float[Tensor, "N c h w"], emphasis: Float[Tensor, "N 1 h w"]) -> Float[Tensor, "N"]:
    """Mean squared error, each pixel weighted by REST + emphasis."""
    weight = REST + emphasis
    error: Tensor = ((found - pictures) ** 2 * weight).mean((1, 2, 3)) / weight.mean((1, 2, 3))
    return error
