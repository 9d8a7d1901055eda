"""A client's connection to a policy server: opened again with growing pauses when it breaks, one answer per message.

A server's memory lives as long as its connection. So a new connection begins anew, and `open` says that it is new. A message is
never sent twice: whose answer got lost is told so (`LinkLost`) and makes a new one from what it sees by then. Messages carry
sequence numbers, and an answer to anything but the last message is dropped.
"""

import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from wam.serve.keys import Keys
from wam.serve.limits import Limits
from wam.serve.wire import WireError, pack, unpack
from wam.world import PolicySpec, SpecError

logger = logging.getLogger(__name__)


class LinkLost(ConnectionError):
    """There is no connection, or it broke before the answer came."""


class RemoteError(RuntimeError):
    """The server says that something is wrong; trying again would not help."""


@dataclass(frozen=True)
class Backoff:
    """Seconds between attempts to connect."""

    first: float = 0.1
    factor: float = 2.0
    most: float = 5.0

    def waits(self) -> Iterator[float]:
        """One after the other, without end."""
        wait = self.first
        while True:
            yield min(wait, self.most)
            wait = min(wait * self.factor, self.most)


@dataclass(frozen=True)
class Greeting:
    """What a server says first, as far as our clients need it."""

    spec: PolicySpec
    keys: Keys
    limits: Limits


class Link:
    """One connection at a time to one server."""

    def __init__(self, address: str, *, token: str | None = None, timeout: float = 10.0, patience: float = 30.0, backoff: Backoff | None = None) -> None:
        """`address`: ws://host:port. `timeout`: seconds to wait for an answer; `patience`: to try to connect."""
        self.address, self.token, self.timeout, self.patience, self.backoff = address, token, timeout, patience, backoff or Backoff()
        self.connection: ClientConnection | None = None
        self.greeting: Greeting | None = None
        self.sequence = 0
        self.stopped = threading.Event()

    def open(self) -> bool:
        """Connect where there is no connection; True where it is a new one. LinkLost after `patience` seconds."""
        if self.connection is not None:
            return False
        started, waits = time.monotonic(), self.backoff.waits()
        while True:
            try:
                self._connect()
                return True
            except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed) as error:
                if isinstance(error, InvalidStatus) and error.response.status_code in (401, 403):
                    raise RemoteError(f"{self.address} refuses this client: {error.response.body.decode(errors='replace').strip()}") from error
                if self.stopped.is_set() or time.monotonic() - started > self.patience:
                    raise LinkLost(f"no server answers at {self.address} ({error}). Is `wam serve` running there, and the port open?") from error
                logger.info("no server at %s yet: %s", self.address, error)
            self.stopped.wait(next(waits))

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """The answer to one message. LinkLost where it did not come, RemoteError where the server says why not; both drop the connection."""
        connection = self.connection
        if connection is None:
            raise LinkLost(f"the connection to {self.address} is not open.")
        self.sequence += 1
        deadline = time.monotonic() + self.timeout
        try:
            connection.send(pack({**message, "sequence": self.sequence}))
            while True:
                reply = _read(connection.recv(max(0.0, deadline - time.monotonic())), self.address)
                if reply.get("sequence") == self.sequence:
                    return reply
        except RemoteError:
            self.drop()
            raise
        except (OSError, TimeoutError, ConnectionClosed) as error:
            self.drop()
            raise LinkLost(f"{self.address} did not answer ({type(error).__name__}).") from error

    def drop(self) -> None:
        """Give the connection up; `open` makes a new one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """The end: no further attempts."""
        self.stopped.set()
        self.drop()

    def _connect(self) -> None:
        """A connection whose server has said what it serves. RemoteError where that is not what it was."""
        headers = {"Authorization": f"Api-Key {self.token}"} if self.token else None
        connection = connect(
            self.address,
            additional_headers=headers,
            compression=None,
            max_size=None,
            proxy=None,
            open_timeout=self.timeout,
            close_timeout=0.2,  # a broken link cannot say goodbye
        ).__enter__()  # closed by `drop`
        try:
            data = connection.recv(self.timeout)
            if isinstance(data, str):
                raise ConnectionRefusedError(data)  # e.g. too many clients: try again
            greeting = _greeting(_read(data, self.address), self.address)
            if self.greeting is not None and greeting.spec != self.greeting.spec:
                raise RemoteError(f"{self.address} serves another policy than before. Make a new client for it.")
        except BaseException:
            connection.close()
            raise
        self.connection, self.greeting = connection, greeting


def _read(data: str | bytes, address: str) -> dict[str, Any]:
    """A message of the server; RemoteError for its complaints."""
    if isinstance(data, str):
        raise RemoteError(f"{address} says: {data}")
    try:
        message = unpack(data)
    except WireError as error:
        raise RemoteError(f"{address} sent what cannot be read: {error}") from error
    if not isinstance(message, dict):
        raise RemoteError(f"{address} sent a {type(message).__name__}, expected a dict. Is it a policy server?")
    return message


def _greeting(metadata: dict[str, Any], address: str) -> Greeting:
    try:
        return Greeting(PolicySpec.from_dict(metadata["spec"]), Keys.from_dict(metadata["keys"]), Limits.from_dict(metadata["limits"]))
    except (KeyError, SpecError) as error:
        raise RemoteError(
            f"{address} does not say what it serves ({type(error).__name__}: {error}). This client needs `wam serve`; to other servers connect with theirs."
        ) from error
