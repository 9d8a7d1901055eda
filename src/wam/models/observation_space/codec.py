"""Pictures of all cameras as one array per frame, at about unit scale, and back: pixels as they are, or an autoencoder's latents.

Cameras of one size are stacked along the channels, in the order of the spec.
Knows: cameras' colours.   Does not know: depth, time, actions. An autoencoder learns in a stage of its own, before the model that uses it.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from wam.nets.perceive.autoencoder import FrameAutoencoder
from wam.nets.perceive.emphasis import looked_at
from wam.world import Latent, Noise, Observation, ObservationSpec, SpecError, Window, to_float


class Codec(nn.Module):
    """Observation <-> z "B T c h w". `latent` channels of an autoencoder at 1 / `reduction` of the size; 0 = the pixels themselves."""

    def __init__(self, observes: ObservationSpec, *, latent: int = 0, reduction: int = 4, width: int = 32):
        super().__init__()
        sizes = {(camera.height, camera.width) for camera in observes.cameras.values()}
        if len(sizes) != 1:
            raise SpecError(f"cameras of one size can be stacked, got {sorted(sizes) or 'none'}. Resize on loading: the preset's `size`.")
        ((height, across),) = sizes
        self.observes, colours = observes, 3 * len(observes.cameras)
        self.autoencoder = FrameAutoencoder(colours, latent=latent, factor=reduction, width=width) if latent else None
        scale = reduction if latent else 1
        self.shape = (latent or colours, height // scale, across // scale)
        self.register_buffer("mean", torch.full((self.shape[0], 1, 1), 0.0 if latent else 0.5))
        self.register_buffer("spread", torch.full((self.shape[0], 1, 1), 1.0 if latent else 0.5))
        self.mean: Tensor
        self.spread: Tensor
        if latent:
            self.register_buffer("fitted", torch.tensor(False))  # has `fit` seen latents: it comes after the autoencoder's training
        self.fitted: Tensor

    def stacked(self, observation: Observation, dtype: torch.dtype) -> Float[Tensor, "B T v h w"]:
        """All cameras' pictures, 0..1."""
        self.observes.require(observation, "Codec")
        rgb = observation.rgb or {}
        return torch.cat([to_float(rgb[name], dtype) for name in self.observes.cameras], 2)

    def encode(self, observation: Observation) -> Float[Tensor, "B T c h w"]:
        """Each frame on its own."""
        return (self.latents(observation) - self.mean) / self.spread

    @torch.no_grad()
    def kept(self, observation: Observation) -> Float[Tensor, "B T c h w"]:
        """What windows brought as their state, or encoded now; nothing is learned through it. SpecError for an autoencoder that was never fitted."""
        brought = observation.state
        if isinstance(brought, Latent):
            return brought.z.to(self.mean.dtype)
        if self.autoencoder is not None and not self.fitted:
            raise SpecError(
                f"a model is to learn in the latents (latent = {self.shape[0]}) of an autoencoder that was never fitted: its weights would be those that it "
                'started with. Probably the preset has no stage "pictures". Choose one that has (small, paper), or latent = 0; by hand, train the codec and '
                "call its fit."
            )
        return self.encode(observation)

    @torch.no_grad()
    def fit(self, z: Float[Tensor, "N c h w"]) -> None:
        """Take the mean and spread of each channel of these frames' `latents`, so that they have unit scale. ValueError where they never differ."""
        spread = z.std((0, 2, 3))
        if not bool((spread > 0).all() and spread.isfinite().all()):
            raise ValueError("the autoencoder gives the same latent for every frame, or none that is finite. Did its training diverge?")
        self.mean.copy_(z.mean((0, 2, 3))[:, None, None])
        self.spread.copy_(spread[:, None, None])
        if self.autoencoder is not None:
            self.fitted.fill_(True)

    def latents(self, observation: Observation) -> Float[Tensor, "B T c h w"]:
        """Pixels, or what the autoencoder makes of them, at their own scale."""
        pictures = self.stacked(observation, self.mean.dtype)
        if self.autoencoder is None:
            return pictures
        encoded: Tensor = self.autoencoder.encode(pictures.flatten(0, 1)).unflatten(0, pictures.shape[:2])
        return encoded

    def decode(self, z: Float[Tensor, "B T c h w"]) -> Observation:
        """Pictures, 0..1."""
        pictures = z * self.spread + self.mean
        if self.autoencoder is not None:
            pictures = self.autoencoder.decode(pictures.flatten(0, 1)).unflatten(0, z.shape[:2])
        parts = pictures.clamp(0, 1).split(3, 2)
        return Observation(rgb=dict(zip(self.observes.cameras, parts, strict=True)))

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """The autoencoder's own losses "B": of one frame per window, drawn by chance. What moves counts more. SpecError without an autoencoder."""
        if self.autoencoder is None:
            raise SpecError(
                "the codec of pixels has nothing to learn, and a stage trains it. Probably latent = 0 was set on a preset of an autoencoder's latents: "
                'choose a preset of pixels (tiny), or leave the stage "pictures" out.'
            )
        stretch, real = window.whole()
        pictures = self.stacked(stretch.observation, self.mean.dtype)
        frame = noise.fork("frame").integers(1, real.shape[1])[:, 0]
        found = self.autoencoder.loss(*looked_at(pictures, real, frame), noise.fork("autoencoder"))
        return {name: value * real.gather(1, frame[:, None])[:, 0] for name, value in found.items()}
