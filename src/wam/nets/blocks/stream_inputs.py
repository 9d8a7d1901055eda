"""What a transformer over streams takes: the types, and checks of what would fail late, or not at all, where it does not fit.

Every tuple has one entry for each stream, in the order of the network's widths; None = the stream has no tokens in this pass.
"""

from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

Streams = tuple[Float[Tensor, "B _ _"] | None, ...]
Places = tuple[Shaped[Tensor, "*rows _ A"] | None, ...]
Owners = tuple[Int[Tensor, "_"] | None, ...]


def check_streams(widths: tuple[int, ...], tokens: Streams, conditions: Streams, places: Places, owners: Owners) -> None:
    """ValueError unless each stream with tokens has conditions and places for all of them."""
    counts = [len(part) for part in (tokens, conditions, places, owners)]
    if counts != [len(widths)] * 4:
        raise ValueError(
            f"tokens, conditions, places and owners of {counts} streams: expected {len(widths)} each. Give None for a stream without tokens in this pass."
        )
    for stream, (part, condition, place, owner) in enumerate(zip(tokens, conditions, places, owners, strict=True)):
        if part is None:
            continue
        if condition is None or place is None:
            raise ValueError(f"stream {stream} has tokens but no conditions or no places. Every token needs both; places may be zero.")
        if place.shape[-2] != part.shape[1]:
            raise ValueError(f"stream {stream} has {part.shape[1]} tokens and {place.shape[-2]} places. One place for each token.")
        if owner is None and part.shape[1] % condition.shape[1]:
            raise ValueError(
                f"stream {stream} has {part.shape[1]} tokens under {condition.shape[1]} conditions, which is not a whole number of tokens each. "
                "Say with `owners` which condition each token has (`masks.owners` gives it for declared groups)."
            )
    if all(part is None for part in tokens):
        raise ValueError("no stream has tokens in this pass. At least one must.")


def check_keys(length: int, known: int, allowed: Bool[Tensor, "*own L K"] | None, cached_places: Shaped[Tensor, "*past W A"] | None) -> None:
    """ValueError unless the mask and the places fit `length` new tokens after `known` cached ones."""
    if allowed is not None and allowed.shape[-2:] != (length, known + length):
        raise ValueError(
            f"a mask of {tuple(allowed.shape)} for {length} tokens after {known} cached ones: expected {(length, known + length)}. "
            "Declare the cached groups before the new ones and take the last rows of the mask."
        )
    if cached_places is not None and cached_places.shape[-2] != known:
        raise ValueError(
            f"{cached_places.shape[-2]} cached places for {known} cached tokens. Give `cached_places` together with `cache`, one place for each token."
        )
