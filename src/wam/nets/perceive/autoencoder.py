"""A convolutional autoencoder of single frames with any channels: colour, depth, several views side by side.

"N c h w" in [0, 1] <-> latent "N z h/f w/f" at about unit scale, for models that imagine in latents (after Latent Diffusion,
2112.10752, section 3.1, without its adversarial and perceptual losses). What moves is a small part of a frame: the caller says by
an emphasis which pixels count (see `emphasis.py`).
Does not know: time, actions, what moves. Footgun: a latent is only about unit scale; measure its mean and spread over the data
before a diffusion model gets it.
"""

from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wam.nets.blocks.group_norm import GROUPS, GroupNorm, require_groups
from wam.nets.perceive.emphasis import emphasised_error
from wam.world import Noise

QUIETEST = -8.0  # least log variance of a latent


class FrameAutoencoder(nn.Module):
    """2 x 2 pixels fold into channels, then the picture is halved until a pixel is a latent; and back."""

    def __init__(
        self,
        channels: int,  # c
        *,
        latent: int = 4,  # z
        factor: int = 4,  # f, px per latent cell: 2, 4, 8, ...
        width: int = 32,  # channels after the fold; doubled with every halving
    ):
        super().__init__()
        halvings = factor.bit_length() - 2
        if factor < 2 or factor != 2 * 2**halvings:
            raise ValueError(f"factor is {factor}, expected 2, 4, 8, ...: pixels are folded by 2 and then halved.")
        require_groups(width)
        self.factor = factor
        sizes = [width * 2**level for level in range(halvings + 1)]
        down, up = [], []
        for fine, coarse in pairwise(sizes):
            down += _layer(nn.Conv2d(fine, coarse, 4, stride=2, padding=1))
        for coarse, fine in pairwise(reversed(sizes)):
            up += [nn.ConvTranspose2d(coarse, fine, 2, stride=2), *_layer(nn.Conv2d(fine, fine, 3, padding=1))]
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2), *_layer(nn.Conv2d(4 * channels, width, 3, padding=1)), *down, *_layer(nn.Conv2d(sizes[-1], sizes[-1], 3, padding=1))
        )
        self.moments = nn.Conv2d(sizes[-1], 2 * latent, 1)
        self.decoder = nn.Sequential(
            *_layer(nn.Conv2d(latent, sizes[-1], 3, padding=1)), *up, nn.Conv2d(width, 4 * channels, 3, padding=1), nn.PixelShuffle(2), nn.Sigmoid()
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def encode(self, pictures: Float[Tensor, "N c h w"]) -> Float[Tensor, "N z _h _w"]:
        """The mean latent. ValueError where `factor` does not divide the sides."""
        return self._moments(pictures)[0]

    def decode(self, latents: Float[Tensor, "N z _h _w"]) -> Float[Tensor, "N c h w"]:
        """Pictures in (0, 1)."""
        pictures: Tensor = self.decoder(latents.contiguous(memory_format=torch.channels_last))
        return pictures

    def loss(self, pictures: Float[Tensor, "N c h w"], emphasis: Float[Tensor, "N 1 h w"], noise: Noise) -> dict[str, Float[Tensor, "N"]]:
        """reconstruction: squared error, see `emphasised_error`. kl: nats per latent number, to weigh about 1e-3."""
        mean, log_variance = self._moments(pictures)
        drawn = noise.fork("latent").normal(1, *mean.shape[1:], dtype=mean.dtype)[:, 0]
        found = self.decode(mean + (log_variance / 2).exp() * drawn)
        return {"reconstruction": emphasised_error(found, pictures, emphasis), "kl": 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).mean((1, 2, 3))}

    def _moments(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latent."""
        if pictures.shape[-2] % self.factor or pictures.shape[-1] % self.factor:
            raise ValueError(f"pictures of {pictures.shape[-2]} x {pictures.shape[-1]} px: both sides must be multiples of factor = {self.factor} px.")
        mean, log_variance = self.moments(self.encoder((pictures - 0.5).contiguous(memory_format=torch.channels_last))).chunk(2, 1)
        return mean, log_variance.clamp(QUIETEST, 4)


def _layer(convolution: nn.Conv2d) -> list[nn.Module]:
    return [convolution, GroupNorm(GROUPS, convolution.out_channels), nn.GELU()]
