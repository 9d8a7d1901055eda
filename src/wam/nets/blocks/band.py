"""Which entries of a sequence see which: a band that looks back, within segments, also into what a cache remembers.

An entry is a token, or a frame of many. In every layer entry i sees entries i - band + 1 .. i of its own segment; the last W = band - 1 are
remembered. An entry that is not joined to what came before starts a segment of its own, and is void itself: later ones do not see it.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


def segments(joined: Bool[Tensor, "B T"], count: Int[Tensor, "B"] | None, band: int) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B K"]]:
    """Segment of each entry, and of each that could be seen, first those of a cache with `count` real ones; -1 for those that nobody sees."""
    segment = (~joined).long().cumsum(1)
    seen = torch.where(joined, segment, -1)  # void entries are in no segment
    if count is not None:
        place = torch.arange(band - 1, 0, -1, device=joined.device)  # how many entries before the first new one
        seen = torch.cat([torch.where(place <= count[:, None], 0, -1), seen], 1)
    return segment, seen


def distance_bias(distance: Float[Tensor, "heads band"], segment: Int[Tensor, "B T"], seen: Int[Tensor, "B K"]) -> Float[Tensor, "B heads T K"]:
    """`distance` by how far back an entry lies, minus infinity where a query may not look. An entry always sees itself."""
    steps, width, band = segment.shape[1], seen.shape[1], distance.shape[1]
    back = torch.arange(width - steps, width, device=seen.device)[:, None] - torch.arange(width, device=seen.device)
    near = (back >= 0) & (back < band)
    allowed = (near & (segment[:, :, None] == seen[:, None, :])) | (back == 0)
    found = distance[:, back.clamp(0, band - 1)]
    return found.masked_fill(~allowed[:, None], float("-inf"))


def remembered(segment: Int[Tensor, "B T"], seen: Int[Tensor, "B K"], band: int) -> Int[Tensor, "B"]:
    """How many of the newest W entries are real: the `count` of a cache."""
    return (seen == segment[:, -1:]).sum(1).clamp(max=band - 1)
