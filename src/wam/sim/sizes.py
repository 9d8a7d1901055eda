"""How large the pictures are that worlds draw."""

from wam.world import SpecError

SMALLEST, LARGEST = 16, 4096  # px; in smaller ones a disc or a block cannot be made out, far above the largest graphics drivers give up without a reason


def require_size(world: str, size: int) -> None:
    """SpecError for a height and width in px that no world draws."""
    if not SMALLEST <= size <= LARGEST:
        raise SpecError(
            f"{world} was asked for a picture of {size} px: below {SMALLEST} things cannot be made out, far above {LARGEST} no driver draws. "
            f"Set size to {SMALLEST} to {LARGEST}."
        )
