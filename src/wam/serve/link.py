"""A client's connection to a policy server: opened again with growing pauses when it breaks, one answer per message.

A server's memory lives as long as its connection. So a new connection begins anew, and `open` says that it is new. A message is
never sent twice: whose answer got lost is told so (`LinkLost`) and makes a new one from what it sees by then. Messages carry
sequence numbers, and an answer to anything but the last message is dropped.

A network that goes silent stops a message halfway, and nobody says so. So what is sent, goodbyes too, has its time as well.
"""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect
from websockets.uri import parse_uri

from wam.serve.keys import Keys
from wam.serve.limits import Limits
from wam.serve.wire import WireError, pack, unpack
from wam.world import PolicySpec, SpecError

logger = logging.getLogger(__name__)

GOODBYE = 0.2  # seconds for each part of a farewell: a broken link cannot say it


class LinkLost(ConnectionError):
    """There is no connection, or it broke before the answer came."""


class NoPlace(ConnectionError):
    """The server answers, but lets nobody more in for now."""


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
        """`address`: ws://host:port. `token`: else WAM_TOKEN of the environment. `timeout`: seconds for a message and its answer; `patience`: to connect.

        SpecError for an address of another kind.
        """
        _require_address(address)
        self.address, self.timeout, self.patience, self.backoff = address, timeout, patience, backoff or Backoff()
        self.token = os.environ.get("WAM_TOKEN") if token is None else token
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
                    words = error.response.body.decode(errors="replace").strip()
                    raise RemoteError(f"{self.address} refuses this client: {words}. Here that is token=, or WAM_TOKEN.") from error
                if self.stopped.is_set() or time.monotonic() - started > self.patience:
                    if isinstance(error, NoPlace):
                        raise LinkLost(f"{self.address} let this client wait for {self.patience:g} s: {error}.") from error
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
            with _within(self.timeout, connection):
                connection.send(pack({**message, "sequence": self.sequence}))
            while True:
                reply = _read(connection.recv(max(0.0, deadline - time.monotonic())), self.address)
                if reply.get("sequence") == self.sequence:
                    return reply
        except RemoteError:
            self.drop()
            raise
        except (OSError, TimeoutError, ConnectionClosed) as error:
            late = time.monotonic() >= deadline
            self.drop()
            if late:
                slow = f"{self.address} did not answer within {self.timeout:g} s. Pass a larger timeout= where its policy or the network needs longer."
                raise LinkLost(slow) from error
            raise LinkLost(f"the connection to {self.address} broke before the answer came ({error}).") from error

    def drop(self) -> None:
        """Give the connection up; `open` makes a new one."""
        connection, self.connection = self.connection, None
        if connection is not None:
            _end(connection)

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
            close_timeout=GOODBYE,
        ).__enter__()  # closed by `drop`
        try:
            data = connection.recv(self.timeout)
            if isinstance(data, str):
                raise NoPlace(data)  # too many clients: try again
            greeting = _greeting(_read(data, self.address), self.address)
            if self.greeting is not None and greeting.spec != self.greeting.spec:
                raise RemoteError(f"{self.address} serves another policy than before. Make a new client for it.")
        except BaseException:
            _end(connection)
            raise
        self.connection, self.greeting = connection, greeting


@contextlib.contextmanager
def _within(seconds: float, connection: ClientConnection) -> Iterator[None]:
    """What is done inside has so long, then the socket is shut down: whoever waits to send on it, or for one who does, fails."""
    watchdog = threading.Timer(seconds, _shut, [connection])
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    finally:
        watchdog.cancel()


def _shut(connection: ClientConnection) -> None:
    with contextlib.suppress(OSError):  # it is closed already
        connection.socket.shutdown(socket.SHUT_RDWR)


def _end(connection: ClientConnection) -> None:
    with _within(GOODBYE, connection):
        connection.close()


def _require_address(address: str) -> None:
    try:
        parse_uri(address).host.encode("idna")
    except (InvalidURI, ValueError) as error:
        raise SpecError(f"the address is {address!r}, expected ws://host:port, e.g. ws://127.0.0.1:8000, as `wam serve` says it.") from error


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
