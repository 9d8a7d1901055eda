"""The thread that carries one message at a time to a policy server and its answer back, while the robot goes on.

It keeps a connection open, with growing pauses where there is none. It takes a message only while it is connected and idle, so a
message is always made from what is seen when it can be sent; one whose answer got lost is not sent again.
"""

import logging
import threading
from dataclasses import dataclass
from typing import Any

from wam.serve.link import Link, LinkLost

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Letter:
    """A message and what it was about, or its answer."""

    tag: Any  # the asker's own
    content: dict[str, Any]


class Courier:
    """Runs until it is closed."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.connections = 0  # made so far: a server's memory lives as long as one of them
        self.idle = False  # connected, and nothing under way
        self.errand: Letter | None = None
        self.answer: Letter | None = None
        self.failure: Exception | None = None
        self.changed = threading.Condition()  # guards all of the above
        self.thread = threading.Thread(target=self._run, name="policy courier", daemon=True)
        self.thread.start()

    def take(self) -> Letter | None:
        """The answer, once. RemoteError where the server said that something is wrong; whatever else ended the thread is raised here too."""
        with self.changed:
            if self.failure is not None:
                raise self.failure
            answer, self.answer = self.answer, None
            return answer

    def connection(self) -> int | None:
        """The number of the connection that a message would go over now; None where none can be sent."""
        with self.changed:
            return self.connections if self.idle else None

    def send(self, letter: Letter, over: int) -> bool:
        """Hand a message over for that connection; False where it is gone by now."""
        with self.changed:
            if not self.idle or over != self.connections:
                return False
            self.errand, self.idle = letter, False
            self.changed.notify()
            return True

    def close(self) -> None:
        """The end. Waits for the thread, which gives up what is under way."""
        self.link.close()
        with self.changed:
            self.changed.notify()
        self.thread.join()
        self.link.drop()  # it may just have connected

    def _run(self) -> None:
        while not self.link.stopped.is_set():
            try:
                if self.link.open():
                    with self.changed:
                        self.connections += 1
                self._carry()
            except LinkLost as error:
                logger.warning("%s", error)
            except Exception as error:  # mostly RemoteError: without this thread the robot would hold for ever, and nobody would know why
                with self.changed:
                    self.failure = error
                return

    def _carry(self) -> None:
        """Wait for a message, bring the answer."""
        with self.changed:
            self.idle = True
            self.changed.wait_for(lambda: self.errand is not None or self.link.stopped.is_set())
            errand, self.errand, self.idle = self.errand, None, False
        if errand is not None:
            content = self.link.ask(errand.content)
            with self.changed:
                self.answer = Letter(errand.tag, content)
