"""What stays while nothing is done."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def hold(frames: Float[Tensor, "B K c h w"], done: Bool[Tensor, "B K"], last: Float[Tensor, "B c h w"]) -> Float[Tensor, "B K c h w"]:
    """The frame before where nothing was done; `last`: the one before the first."""
    kept = []
    for frame, step in zip(frames.unbind(1), done.unbind(1), strict=True):
        last = torch.where(step[:, None, None, None], frame, last)
        kept.append(last)
    return torch.stack(kept, 1)
