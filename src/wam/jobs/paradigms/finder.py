"""The instrument of plan-execution agreement: where what an instruction names is, and what acts, in a picture.

Each thing is known by the shades of its colour. A pixel counts for it as a = exp(-d^2 / 2 s^2), d the distance to its nearest shade, and where
other things have colours like its own, as a * a / (a + b), b the same for the nearest shade of everything else. Where it is, is the mean place
of what counts, mapped to metres. Shades and map are fitted once, by medians and least squares, on real frames with the simulator's own labels,
and applied to what happened and to what was imagined alike: no model under test ever shaped it. Its error on real held-out frames stands beside
every figure made with it. Why not the ridge regression of `evaluate.probe`: reading pictures it errs by more than 0.2 m on `push`, since
objects of four colours lie beside coloured zones and a linear map cannot leave those out.
Does not know: what happened before, worlds. Footgun: where a thing is missing from an imagined frame, the answer is near the middle of the
picture, so it counts as an error of about the size of the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from wam.world import to_float

ROUNDS = 10  # of moving shades to the medians of what is nearest to them
PIXELS = 20_000  # that shades are found among


@dataclass(frozen=True)
class Colours:
    """How pictures are read."""

    own: int = 1  # shades of a thing
    other: int = 0  # shades of everything else; 0: nothing else has colours like those of things
    softness: float = 0.08  # s, in RGB of 0 .. 1


@dataclass(frozen=True)
class Sights:
    """Real frames, and where K sought bodies are in them."""

    frames: Shaped[Tensor, "B T 3 h w"]
    looks: Int[Tensor, "B K"]  # as what each is looked for
    labels: Int[Tensor, "B T h w"]  # which of the K a pixel shows, -1 = none
    places: Float[Tensor, "B T K 2"]  # m


@dataclass(frozen=True)
class Finder:
    """Shades by look, and what makes metres of (right, down, 1) across the picture."""

    own: dict[int, Float[Tensor, "C 3"]]
    other: dict[int, Float[Tensor, "D 3"]]
    softness: float
    weight: Float[Tensor, "3 2"]

    def __call__(self, frames: Shaped[Tensor, "B T 3 h w"], looks: Int[Tensor, "B K"]) -> Float[Tensor, "B T K 2"]:
        """Places in each frame, m. KeyError for a look that no sight showed."""
        places: Tensor = with_one(self.across(frames, looks)) @ self.weight
        return places

    def across(self, frames: Shaped[Tensor, "B T 3 h w"], looks: Int[Tensor, "B K"]) -> Float[Tensor, "B T K 2"]:
        """Mean places (right, down; -1 .. 1) of what counts for each look."""
        rows = zip(to_float(frames), looks.tolist(), strict=True)
        return torch.stack([torch.stack([middle(self.counts(shown, look)) for look in sought], 1) for shown, sought in rows])

    def counts(self, frames: Float[Tensor, "T 3 h w"], look: int) -> Float[Tensor, "T h w"]:
        """How much each pixel counts for a look."""
        pixels = frames.movedim(1, -1)
        a, b = (nearness(pixels, shades[look], self.softness) for shades in (self.own, self.other))
        return a * a / (a + b).clamp_min(1e-9)


def nearness(pixels: Float[Tensor, "*N 3"], shades: Float[Tensor, "C 3"], softness: float) -> Float[Tensor, "*N"]:
    """1 at the nearest shade, 0 far away from all of them, and where there are none."""
    found = pixels.new_zeros(pixels.shape[:-1])
    for shade in shades:
        found = found.maximum(torch.exp((pixels - shade).square().sum(-1) / (-2 * softness**2)))
    return found


def middle(counts: Float[Tensor, "T h w"]) -> Float[Tensor, "T 2"]:
    """The mean place of what counts; the picture's middle where nothing does."""
    share = counts.clamp_min(1e-9)
    down, right = (torch.linspace(-1, 1, side, device=counts.device) for side in counts.shape[1:])
    return torch.stack([(share.sum(1) * right).sum(1), (share.sum(2) * down).sum(1)], 1) / share.sum((1, 2))[:, None]


def fit_finder(sights: Sequence[Sights], colours: Colours) -> Finder:
    """Shades are medians of pixels, places follow by least squares."""
    frames, looks, labels, places = (torch.cat([getattr(each, part) for each in sights]) for part in ("frames", "looks", "labels", "places"))
    pixels = to_float(frames).movedim(2, -1)
    own, other = {}, {}
    for look in looks.unique().tolist():
        rows, which = (looks == look).nonzero(as_tuple=True)
        mine = labels[rows] == which[:, None, None, None]
        own[look], other[look] = shades(pixels[rows][mine], colours.own), shades(pixels[rows][~mine], colours.other)
    finder = Finder(own, other, colours.softness, weight=pixels.new_zeros(3, 2))
    middles = with_one(finder.across(frames, looks))
    weight = torch.linalg.lstsq(middles.flatten(0, 2), places.to(middles.dtype).flatten(0, 2)).solution
    return Finder(own, other, colours.softness, weight)


def shades(pixels: Float[Tensor, "N 3"], count: int) -> Float[Tensor, "count 3"]:
    """Medians of groups of like pixels; the same ones at each call."""
    some = pixels[torch.linspace(0, len(pixels) - 1, min(len(pixels), PIXELS)).long()]
    found = some[torch.linspace(0, len(some) - 1, count).long()].clone()
    for _ in range(ROUNDS if count else 0):
        nearest = torch.cdist(some, found).argmin(1)
        for group in nearest.unique().tolist():
            found[group] = some[nearest == group].median(0).values
    return found


def with_one(places: Float[Tensor, "*B 2"]) -> Float[Tensor, "*B 3"]:
    """Beside each place a one, for the offset."""
    return torch.cat([places, torch.ones_like(places[..., :1])], -1)
