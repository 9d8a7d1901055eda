"""A fixed probe: ridge regression from features to positions, so that a learned latent space is never its own judge.

Fitted once on real frames of the training data, frozen, then applied to what a model predicts. Features are latents, or
pictures averaged down to 16 x 16. A linear map from colours finds a coloured disc well: its centre is a weighted mean of pixels.
Targets are places in metres. The probe's own error on real held-out frames is the floor of every figure made with it.
Does not know: what a body looks like. Where R2 is low, the figures mean little; the score says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Shaped
from torch import Tensor
from torch.nn import functional as F

from wam.world import Slot, Spec, Window, to_float

GRID = 16  # pixels, height and width of the averaged pictures
STRENGTH = 1e-3  # ridge, as a share of the features' variance


@dataclass(frozen=True)
class Positions:
    """Which places a window knows. `read` gives "B E N D" in metres for E = past + future instants and the N names."""

    names: tuple[str, ...]
    read: Callable[[Window], Float[Tensor, "B E N D"]]


@dataclass(frozen=True)
class Probe:
    """A linear map from features to N places with D coordinates."""

    weight: Float[Tensor, "F K"]  # K = N * D
    bias: Float[Tensor, "K"]
    bodies: int  # N

    def __call__(self, features: Float[Tensor, "B E F"]) -> Float[Tensor, "B E N D"]:
        """Places, m."""
        places: Tensor = features.double() @ self.weight.to(features.device) + self.bias.to(features.device)
        shaped: Tensor = places.unflatten(-1, (self.bodies, -1))
        return shaped


@dataclass(frozen=True, kw_only=True)
class ProbeScore(Spec):
    """How well a probe reads real frames that it was not fitted on."""

    reads: str  # "pictures" | "latents"
    body: str
    r2: float  # share of the variance of the place that it explains; 1 = all
    error: float  # m, mean distance: the floor of the figures made with this probe


def positions_of_objects(names: tuple[str, ...]) -> Positions:
    """Places, x y z, of the objects that a simulator knows (`Truth.pose`); names as in `EnvSpec.objects`. In flat worlds z never changes."""

    def read(window: Window) -> Tensor:
        if window.truth is None or window.truth.pose is None:
            raise ValueError("these windows know no poses. Record with truth and load windows with truth=True, or use positions_of_proprio.")
        return window.truth.pose[..., :3]

    return Positions(names=names, read=read)


def positions_of_proprio(name: str, columns: tuple[int, ...]) -> Positions:
    """One place that the robot itself reports, e.g. its end effector: columns of proprioception in metres."""

    def read(window: Window) -> Tensor:
        proprio = window.whole()[0].observation.proprio
        if proprio is None:
            raise ValueError("these windows hold no proprioception, so they do not know where the robot is.")
        return proprio[..., None, list(columns)]

    return Positions(names=(name,), read=read)


def position_of_slots(slots: Sequence[Slot]) -> Positions | None:
    """The end effector, where the first three proprioceptive numbers are metres; None where they are not."""
    if len(slots) < 3 or any(slot.unit != "m" for slot in slots[:3]):
        return None
    return positions_of_proprio("end effector", (0, 1, 2))


def picture_features(rgb: dict[str, Shaped[Tensor, "B E 3 h w"]]) -> Float[Tensor, "B E F"]:
    """All cameras, averaged down and flattened."""
    small = [F.adaptive_avg_pool2d(to_float(frames).flatten(0, 1), GRID).view(*frames.shape[:2], -1) for frames in rgb.values()]
    return torch.cat(small, -1)


def fit_probe(features: Float[Tensor, "M F"], places: Float[Tensor, "M N D"], strength: float = STRENGTH) -> Probe:
    """Closed form in double precision: minimises squared error + ridge * squared weights, features centred. ValueError for NaN.

    strength: the ridge, as a share of the features' variance.
    """
    x, y = features.detach().double(), places.detach().double().flatten(1)
    if not bool(x.isfinite().all() and y.isfinite().all()):
        raise ValueError("features or places are NaN or infinite, so no probe can be fitted. Did the encoder diverge?")
    centre, target = x.mean(0), y.mean(0)
    x, y = x - centre, y - target
    rows, columns = x.shape
    gram = x.T @ x if columns <= rows else x @ x.T  # the same weights either way, by the smaller system
    ridge = strength * (x.square().sum() / columns).clamp_min(1e-12)
    regular = gram + ridge * torch.eye(len(gram), dtype=x.dtype, device=x.device)
    weight = torch.linalg.solve(regular, x.T @ y) if columns <= rows else x.T @ torch.linalg.solve(regular, y)
    return Probe(weight=weight, bias=target - centre @ weight, bodies=places.shape[1])


def distances(found: Float[Tensor, "B E N D"], places: Float[Tensor, "B E N D"]) -> Float[Tensor, "B E N"]:
    """Metres between places."""
    apart: Tensor = (found - places).norm(dim=-1)
    return apart


def r2(found: Float[Tensor, "M D"], places: Float[Tensor, "M D"]) -> float:
    """Share of the variance of a place that is explained, over all its coordinates. NaN for a place that never changes."""
    left = ((found - places) ** 2).sum()
    return float(1 - left / ((places - places.mean(0)) ** 2).sum())
