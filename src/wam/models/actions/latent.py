"""Latent actions: what happened between two frames as a few numbers, learned from pictures alone.

The inverse side looks at a frame and the next one and says a code: mean and variance of L numbers. The forward side is given
the first frame and a draw of the code, and must show the second. The code is narrow and costs nats, so it holds what the first
frame does not say: what was done (a beta-VAE over frame pairs; AdaWorld, arXiv 2503.18938, section 3.1, there a transformer
with 32 numbers and beta = 2e-4; DreamDojo, 2602.06949, uses the same). Both sides are convolutional here.

Frames are whatever `codec` makes of pictures: pixels, an autoencoder's latents, a frozen encoder's features.
Knows: which frames follow each other (`actions.valid`).   Does not know: what was commanded, even where it is recorded.
Footgun: whatever moves by itself is an action to it.
"""

from dataclasses import replace
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wam.models.actions.changes import Changes
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.reduce import masked_mean
from wam.nets.blocks.unet import UNet
from wam.world import Actions, ActionSpec, Infers, Noise, Observation, Window

QUIETEST, LOUDEST = -8.0, 4.0  # log variance of a code
FIRST, OPEN = -3.0, 5.0  # log variance before anything is learned, and how far codes are spread then: about 1, as the prior asks


class Pictured(Protocol):
    """Pictures as arrays, at about unit scale."""

    shape: tuple[int, int, int]  # c, h, w

    def encode(self, observation: Observation) -> Float[Tensor, "B T c h w"]:
        """Each frame on its own."""
        ...


class LatentActionModel(nn.Module, Infers):
    """See the module's docstring."""

    def __init__(
        self,
        codec: Pictured,
        latent: int,  # L, numbers per step
        *,
        per_step: int = 1,  # R of the data; one code stands for all of a step's actions
        width: int = 16,  # channels of the forward side's finest level; the inverse side starts with twice as many
        levels: int = 3,  # of the forward side's U-Net
        fold: int = 2,  # cells folded into channels at its entrance
        dim: int = 128,  # of the vectors between code and U-Net
        moving: float = 0.0,  # extra weight of what changes, per unit of change
    ):
        super().__init__()
        channels = codec.shape[0]
        self.codec, self.acts, self.moving = codec, ActionSpec(latent=latent, per_step=per_step), moving
        self.inverse = Changes(channels, 2 * latent, width=2 * width, dim=dim)
        self.told = mlp(latent, dim, dim)
        self.next = UNet(channels, channels, condition=dim, width=width, levels=tuple(range(1, levels + 1)), fold=fold)
        self._open()

    def infer_actions(self, observation: Observation, *, noise: Noise | None = None) -> Actions:
        """T frames give T latent actions, the first 0 and not valid. Without noise the posterior's mean, with noise a draw."""
        mean, log_variance = self.posterior(self._seen(observation))
        code = mean if noise is None else _drawn(mean, log_variance, noise)
        latent = torch.cat([torch.zeros_like(code[:, :1]), code], 1)
        valid = torch.ones(*latent.shape[:2], self.acts.per_step, dtype=torch.bool, device=latent.device)
        valid[:, 0] = False
        return Actions(valid=valid, latent=latent)

    @torch.no_grad()
    def inferred(self, window: Window) -> Window:
        """The window with latent actions beside what else was done. What led to its first frame is not here to be seen, so its code is 0."""
        past, (stretch, _) = window.past.actions.size("T"), window.whole()
        actions = replace(stretch.actions, latent=self.infer_actions(stretch.observation).latent)
        return replace(window, past=replace(window.past, actions=actions.narrow("T", 0, past)), actions=actions.narrow("T", past))

    def posterior(self, z: Float[Tensor, "B T c h w"]) -> tuple[Float[Tensor, "B T-1 L"], Float[Tensor, "B T-1 L"]]:
        """Mean and log variance of the code between each frame and the next."""
        before, after = z[:, :-1], z[:, 1:]
        moments = self.inverse(before.flatten(0, 1), after.flatten(0, 1)).unflatten(0, before.shape[:2])
        mean, log_variance = moments.chunk(2, -1)
        return mean, log_variance.clamp(QUIETEST, LOUDEST)

    def following(self, z: Float[Tensor, "B T c h w"], code: Float[Tensor, "B T L"]) -> Float[Tensor, "B T c h w"]:
        """For each frame the one that follows when its code is done there."""
        change: Tensor = self.next(z, self.told(code))
        return z + change

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """reconstruction "B": squared error of the next frames, given draws of their codes. kl "B": nats per code, to weigh about 1e-3."""
        stretch, real = window.whole()
        z, done = self._seen(stretch.observation), (stretch.actions.valid.any(-1) & real)[:, 1:]
        mean, log_variance = self.posterior(z)
        found = self.following(z[:, :-1], _drawn(mean, log_variance, noise))
        weight = 1 + self.moving * (z[:, 1:] - z[:, :-1]).abs().amax(2, keepdim=True)
        error = ((found - z[:, 1:]).square() * weight).flatten(2).mean(-1)
        nats = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(-1)
        return {"reconstruction": masked_mean(error, done), "kl": masked_mean(nats, done)}

    @torch.no_grad()
    def _seen(self, observation: Observation) -> Float[Tensor, "B T c h w"]:
        """Nothing is learned through the codec."""
        return self.codec.encode(observation)

    @torch.no_grad()
    def _open(self) -> None:
        """Codes say something from the start: drawn too wide, the forward side would learn to ignore them before they mean anything."""
        last = self.inverse.head[-1][-1]  # type: ignore[index]
        mean, log_variance = last.weight.chunk(2)
        mean.mul_(OPEN)
        log_variance.mul_(0.1)
        last.bias[len(mean) :] = FIRST


def _drawn(mean: Float[Tensor, "B T L"], log_variance: Float[Tensor, "B T L"], noise: Noise) -> Float[Tensor, "B T L"]:
    return mean + (log_variance / 2).exp() * noise.fork("code").normal(*mean.shape[1:], dtype=mean.dtype)
