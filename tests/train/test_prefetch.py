"""Batches are made ahead, in order, by one thread, and its errors arrive."""

import threading
from contextlib import closing

import pytest

from wam.train.prefetch import ahead


def test_items_come_in_order_and_are_made_by_one_other_thread() -> None:
    threads = set()

    def make(step: int) -> int:
        threads.add(threading.get_ident())
        return step * step

    assert [made for made, _ in ahead(make, 3, 9)] == [9, 16, 25, 36, 49, 64]
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_the_next_item_is_made_while_one_is_used() -> None:
    started = [threading.Event() for _ in range(5)]

    def make(step: int) -> int:
        started[step].set()
        return step

    with closing(ahead(make, 0, 5)) as items:
        next(items)
        assert started[1].wait(10) and started[2].wait(10)


def test_nothing_is_made_that_is_not_asked_for() -> None:
    made: list[int] = []
    assert list(ahead(made.append, 4, 4)) == []
    assert made == []
    list(ahead(made.append, 0, 3, depth=10))
    assert made == [0, 1, 2]


def test_errors_arrive_where_the_item_is_due() -> None:
    def make(step: int) -> int:
        if step == 2:
            raise KeyError("frame")
        return step

    items = ahead(make, 0, 5)
    assert [next(items)[0], next(items)[0]] == [0, 1]
    with pytest.raises(KeyError, match="frame"):
        next(items)


def test_leaving_early_ends_the_thread() -> None:
    before = threading.active_count()
    with closing(ahead(lambda step: step, 0, 100)) as items:
        next(items)
    assert threading.active_count() == before
