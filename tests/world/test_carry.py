"""Grounded carries: two halves of any records, that move and restart together."""

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils import _pytree as pytree

from wam.world import Grounded, Record, record


@record
class Memory(Record):
    z: Float[Tensor, "B D"]
    clock: Int[Tensor, "B"]


def memory(value: float, rows: int = 3) -> Memory:
    return Memory(z=torch.full((rows, 2), float(value)), clock=torch.full((rows,), int(value)))


def test_a_wrong_prediction_is_forgotten() -> None:
    carry = Grounded(seen=memory(1), now=memory(1)).check()
    imagined = dataclasses.replace(carry, now=memory(9))
    again = Grounded(seen=imagined.seen, now=imagined.seen)
    assert torch.equal(again.now.z, carry.now.z)


def test_rows_restart_together() -> None:
    fresh, old = Grounded(seen=memory(0), now=memory(0)), Grounded(seen=memory(5), now=memory(6))
    mixed = fresh.where(torch.tensor([False, True, False]), old)
    assert mixed.seen.clock.tolist() == [5, 0, 5]
    assert mixed.now.clock.tolist() == [6, 0, 6]
    assert mixed.now.z[1].tolist() == [0.0, 0.0]


def test_rows_are_repeated_for_candidates() -> None:
    carry = Grounded(seen=memory(1), now=dataclasses.replace(memory(2), clock=torch.tensor([4, 5, 6])))
    assert carry.repeat(2).now.clock.tolist() == [4, 4, 5, 5, 6, 6]


def test_candidates_may_share_what_was_seen() -> None:
    """With `shares_context` the rows of `now` are a multiple of those of `seen`: both halves are fine on their own."""
    carry = Grounded(seen=memory(1), now=memory(1).repeat(4))
    assert carry.seen.check().size("B") == 3 and carry.now.check().size("B") == 12


def test_it_is_a_pytree() -> None:
    doubled = pytree.tree_map(lambda leaf: leaf * 2, Grounded(seen=memory(1), now=memory(2)))
    assert doubled.now.clock.tolist() == [4, 4, 4]
