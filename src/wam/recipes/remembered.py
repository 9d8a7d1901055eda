"""Between a stage that learns to see and one that learns from what is seen, every frame is encoded once, into the run's folder."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wam.data import WindowDataset, with_latents
from wam.world import Latent, Observation, Windows

SEEN, AT_ONCE = 4096, 256  # frames over which moments are taken, so many at once


@torch.no_grad()
def remembered(
    windows: Windows,
    folder: Path,
    encoder: nn.Module,
    *,
    features: Callable[[Observation], Float[Tensor, "B 1 ..."]],
    fit: Callable[[Float[Tensor, "N ..."]], None],
    encode: Callable[[Observation], Float[Tensor, "B 1 ..."]],
) -> Windows:
    """Windows that bring what `encode` makes of their frames, after `fit` took the moments of the `features` of some: of windows' last past frames.

    `encoder`: what of the model this depends on, see `with_latents`. TypeError for windows that were not cut from recorded frames.
    """
    if not isinstance(windows, WindowDataset):
        raise TypeError(f"latents are kept for windows cut from recorded frames (WindowDataset), got {type(windows).__name__}.")
    device = next(encoder.parameters()).device
    drawn = torch.randperm(len(windows), generator=torch.Generator().manual_seed(0))[:SEEN]
    fit(torch.cat([features(windows.batch(some).past.observation.narrow("T", -1).to(device))[:, 0] for some in drawn.split(AT_ONCE)]))

    def latent(observation: Observation) -> Latent:
        return Latent(z=encode(observation.to(device)))

    return replace(windows, frames=with_latents(windows.frames, encoder, latent, folder / "cache"))
