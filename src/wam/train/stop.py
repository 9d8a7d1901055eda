"""Stopping politely: the first Ctrl-C (or a scheduler's SIGTERM) asks for a checkpoint, the second one ends at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(SystemExit):
    """Training was asked to stop, and saved where it was. Uncaught, the program ends quietly with exit status 130."""

    def __init__(self) -> None:
        super().__init__(130)


class Wish:
    """Has somebody asked to stop?"""

    asked = False


@contextmanager
def stop_wish() -> Iterator[Wish]:
    """While inside, the first signal only sets `asked`. Outside the main thread, where signals do not arrive, nothing changes."""
    wish = Wish()
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def ask(number: int, frame: FrameType | None) -> None:
        wish.asked = True
        for each, handler in before.items():
            signal.signal(each, handler)

    try:
        for number in SIGNALS:
            signal.signal(number, ask)
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
