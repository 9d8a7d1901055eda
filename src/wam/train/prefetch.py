"""The next batches are made in a thread while the current one is learned from."""

import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(make: Callable[[int], T], start: int, stop: int, depth: int = 2) -> Generator[tuple[T, float]]:
    """(make(step), seconds waited for it) for each step, made up to `depth` steps ahead; errors of `make` are raised here.

    `make` is only called from one thread, in order. Close the generator to stop the thread.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prefetch")
    try:
        queue: deque[Future[T]] = deque(pool.submit(make, step) for step in range(start, min(start + depth, stop)))
        for step in range(start, stop):
            began = time.perf_counter()
            made = queue.popleft().result()
            waited = time.perf_counter() - began
            if step + depth < stop:
                queue.append(pool.submit(make, step + depth))
            yield made, waited
    finally:
        pool.shutdown(cancel_futures=True)
