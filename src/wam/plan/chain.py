"""Several records in one: a record may hold a record, but not a tuple of them."""

from collections.abc import Sequence

from wam.world import Record, record


@record
class Empty(Record):
    """Nothing."""


@record
class Chain(Record):
    """The first record, and the rest of them."""

    head: Record
    tail: Record


def chain(records: Sequence[Record]) -> Record:
    """Link the records; `unchain` gives them back."""
    linked: Record = Empty()
    for link in reversed(records):
        linked = Chain(head=link, tail=linked)
    return linked


def unchain(linked: Record) -> list[Record]:
    """The records that were linked."""
    found = []
    while isinstance(linked, Chain):
        found.append(linked.head)
        linked = linked.tail
    return found
