"""One carry for several candidates: rows of a carry stand for as many rows of actions each. Does not know: what either holds."""

from wam.world import SpecError


def rows_each(actions: int, carry: int, who: str) -> int:
    """Rows of actions for each row of a carry. SpecError where they do not divide."""
    share, rest = divmod(actions, carry)
    if share < 1 or rest:
        raise SpecError(
            f"{who} got {actions} rows of actions for {carry} rows of carry, expected as many or a multiple. Carry and actions are probably of "
            "different batches: give each row of the carry the same number of candidates."
        )
    return share
