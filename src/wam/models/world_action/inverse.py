"""Inverse dynamics: which actions led from one frame to the next, told from the two pictures alone.

Both frames and their difference go through one convolutional encoder; a perceptron gives the R actions of the step (UniPi, arXiv
2302.00111, section 3.2, a convolutional network with a perceptron). Learns from labelled steps only, with a
little noise on the pictures: those that it will read are imagined, and not perfect.
Does not know: time beyond one step, instructions.
"""

import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from wam.models.actions.unit_scale import UnitScale
from wam.nets.blocks.conv import ConvEncoder
from wam.nets.blocks.mlp import mlp
from wam.nets.blocks.reduce import masked_mean
from wam.world import Actions, ActionSpec, Infers, Noise, Observation, ObservationSpec, SpecError, Statistics, Window, concatenate, to_float


class InverseDynamics(nn.Module, Infers):
    """Frames -> actions between them, in physical units. `width`: channels of the encoders' first layer; `dim`: of what they say.

    `worn`: noise on the pictures, 0 .. 1, while learning.
    """

    def __init__(self, observes: ObservationSpec, acts: ActionSpec, statistics: Statistics, *, width: int = 16, dim: int = 128, worn: float = 0.03):
        super().__init__()
        statistics.require(acts)
        if not observes.cameras:
            raise SpecError("InverseDynamics reads actions off pictures, and this ObservationSpec has no camera. Name the cameras that it sees.")
        if any(camera.height != camera.width for camera in observes.cameras.values()):
            raise SpecError(f"InverseDynamics takes square pictures, got {observes.cameras}. Set `size` when loading the data.")
        self.observes, self.acts, self.worn = observes, acts, worn
        self.cameras = nn.ModuleDict({name: ConvEncoder(9, camera.height, width, dim) for name, camera in observes.cameras.items()})
        self.scale = UnitScale(acts, statistics, "InverseDynamics")
        self.head = nn.Sequential(nn.GELU(), mlp(dim, dim, acts.per_step * len(acts.low_level)))

    def infer_actions(self, observation: Observation, *, noise: Noise | None = None) -> Actions:
        """T frames give T actions within their limits; the first is not valid."""
        self.observes.require(observation, "InverseDynamics")
        if observation.size("T") == 1:
            return self.acts.nothing(observation.size("B"), 1, self.scale.mean.device)
        found = self.scale.physical(self._between(observation.rgb or {}).flatten(2))
        blank = found.narrow("T", 0, 1).map(lambda axes, leaf: torch.zeros_like(leaf))
        return concatenate((blank, found), "T")

    def loss(self, window: Window, *, noise: Noise) -> dict[str, Tensor]:
        """inverse "B": squared error of the scaled actions, over the steps that were done."""
        stretch, real = window.whole()
        if stretch.actions.low_level is None:
            raise SpecError("InverseDynamics learns from low-level actions, and these windows have none. Train it on episodes with actions.")
        target, done = self.scale(stretch.actions.low_level[:, 1:]), (stretch.actions.known() & real[..., None])[:, 1:]
        seen = {name: self._worn(frames, noise.fork(name)) for name, frames in (stretch.observation.rgb or {}).items() if name in self.cameras}
        error = (self._between(seen) - target).square().mean(-1)
        return {"inverse": masked_mean(error.flatten(1), done.flatten(1))}

    def _worn(self, frames: Shaped[Tensor, "B T 3 h w"], noise: Noise) -> Float[Tensor, "B T 3 h w"]:
        """Pictures 0 .. 1 with noise."""
        pictures = to_float(frames, self.scale.mean.dtype)
        return pictures + self.worn * noise.normal(*pictures.shape[1:], dtype=pictures.dtype)

    def _between(self, rgb: dict[str, Shaped[Tensor, "B T 3 h w"]]) -> Float[Tensor, "B T-1 R A"]:
        """Scaled actions of each step."""
        found = []
        for name, encoder in self.cameras.items():
            frames = 2 * to_float(rgb[name], self.scale.mean.dtype) - 1
            pairs = torch.cat([frames[:, :-1], frames[:, 1:], frames[:, 1:] - frames[:, :-1]], 2)
            found.append(encoder(pairs.flatten(0, 1)).unflatten(0, pairs.shape[:2]))
        numbers: Tensor = self.head(torch.stack(found).sum(0)).unflatten(-1, (self.acts.per_step, len(self.acts.low_level)))
        return numbers
