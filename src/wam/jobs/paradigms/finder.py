"""The instrument of plan-execution agreement: where the object that an instruction names is, and where the pusher is, in a picture.

Each thing has a colour of its own. A pixel counts for it as exp(-d^2 / 2 s^2), d the distance of the two colours; where it is, is the mean
place of what counts, mapped to metres. Colours and map are fitted once, in closed form, on real frames with the simulator's own labels, and
applied to what happened and to what was imagined alike: no model under test ever shaped it. Its error on real held-out frames stands beside
every figure made with it. Why not the ridge regression of `evaluate.probe`: reading pictures it errs by more than 0.2 m here, since objects
of four colours lie beside coloured zones and a linear map cannot leave those out.
Knows: which object an instruction names.   Does not know: what happened before. Footgun: where a thing is missing from an imagined frame,
the answer is near the middle of the picture, so it counts as an error of about the size of the table.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from wam.world import to_float

SOFTNESS = 0.08  # s, in RGB of 0 .. 1


@dataclass(frozen=True)
class Sights:
    """Real frames, and where things are in them: the object that the instruction names, then the pusher."""

    frames: Shaped[Tensor, "B T 3 h w"]
    named: Int[Tensor, "B"]  # number of the object's name
    labels: Int[Tensor, "B T h w"]  # 0 = the named object, 1 = the pusher, anything else: neither
    places: Float[Tensor, "B T 2 2"]  # m


@dataclass(frozen=True)
class Finder:
    """Colours of the names, the pusher's last; `weight` makes metres of (right, down, 1) across the picture."""

    colours: Float[Tensor, "K 3"]
    weight: Float[Tensor, "3 2"]

    def __call__(self, frames: Shaped[Tensor, "B T 3 h w"], named: Int[Tensor, "B"]) -> Float[Tensor, "B T 2 2"]:
        """Places of the named object and of the pusher in each frame, m."""
        places: Tensor = with_one(both(frames, self.colours, named)) @ self.weight
        return places


def across(frames: Shaped[Tensor, "B T 3 h w"], colours: Float[Tensor, "B 3"]) -> Float[Tensor, "B T 2"]:
    """Mean place (right, down; -1 .. 1) of what has each row's colour."""
    apart = (to_float(frames) - colours[:, None, :, None, None]).square().sum(2)
    share = torch.exp(-apart / (2 * SOFTNESS**2)).clamp_min(1e-9)
    down, right = (torch.linspace(-1, 1, side, device=frames.device) for side in share.shape[2:])
    return torch.stack([(share.sum(2) * right).sum(2), (share.sum(3) * down).sum(2)], 2) / share.sum((2, 3))[..., None]


def fit_finder(sights: Sights, names: int) -> Finder:
    """Colours are the middle ones of each thing's pixels; a thing that no frame names gets none that could be met. Places by least squares."""
    pixels = to_float(sights.frames).movedim(2, -1)
    colours = pixels.new_full((names + 1, 3), -1.0)
    for name in sights.named.unique().tolist():
        rows = sights.named == name
        colours[name] = pixels[rows][sights.labels[rows] == 0].median(0).values
    colours[-1] = pixels[sights.labels == 1].median(0).values
    middles = both(sights.frames, colours, sights.named)
    weight = torch.linalg.lstsq(with_one(middles).flatten(0, 2), sights.places.to(middles.dtype).flatten(0, 2)).solution
    return Finder(colours, weight)


def both(frames: Shaped[Tensor, "B T 3 h w"], colours: Float[Tensor, "K 3"], named: Int[Tensor, "B"]) -> Float[Tensor, "B T 2 2"]:
    """Mean places of what has the colour of the named object, and of what has the pusher's."""
    return torch.stack([across(frames, colours[named]), across(frames, colours[-1:].expand(len(named), 3))], 2)


def with_one(places: Float[Tensor, "*B 2"]) -> Float[Tensor, "*B 3"]:
    """Beside each place a one, for the offset."""
    return torch.cat([places, torch.ones_like(places[..., :1])], -1)
