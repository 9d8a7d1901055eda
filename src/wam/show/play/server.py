"""The page and its sessions on one port: GET / is the page, GET /page.js its script, /play a WebSocket with a session of its own.

Each command is answered by one frame, or by an error in words after which the session goes on. All inference runs in one worker
thread, command after command, so several pages share the speed. Only this machine can connect unless a token is given; then it
stands in the URL, "/?token=...". Pages of other sites cannot connect: the Origin of a WebSocket must be the host that it asks.
There is no encryption: over a network that others use, tunnel it. Needs the extra "serve".
"""

import asyncio
import hmac
import http
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from urllib.parse import parse_qs, quote, urlsplit

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from wam.listening import farewell, is_loopback, require_safe, until_signal
from wam.show.play.messages import Command, CommandError
from wam.show.play.session import PlaySession
from wam.show.play.wire import error, frame_bytes, read_command, welcome

logger = logging.getLogger(__name__)

FILES = {"/": ("page.html", "text/html"), "/page.js": ("page.js", "text/javascript")}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
MESSAGE_BYTES = 4096


class PlayServer:
    """`make` builds a session; it is called in the worker thread, once per page."""

    def __init__(
        self, make: Callable[[], PlaySession], *, title: str, host: str = "127.0.0.1", port: int = 8000, token: str | None = None, sessions: int = 4
    ) -> None:
        """`port` 0 takes a free one. SpecError for a host that others can reach, without a token."""
        require_safe(host, token, "play")
        self.make, self.title, self.host, self.port, self.token, self.most = make, title, host, port, token, sessions
        self.playing, self.played = 0, 0
        self.worker: ThreadPoolExecutor | None = None

    def address(self, port: int) -> str:
        """What a person opens."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{port}/{f'?token={quote(self.token, safe=str())}' if self.token else ''}"

    async def run(self, stop: asyncio.Event, started: Callable[[int], None] | None = None) -> None:
        """Serve until `stop` is set. `started` is told the port. Pages that are open then are told that it is over (1001)."""
        quiet = logging.getLogger(f"{__name__}.connections")
        quiet.setLevel(logging.CRITICAL)  # browsers open connections ahead of time and drop them: no news for a person
        with ThreadPoolExecutor(1, thread_name_prefix="play") as self.worker:
            async with listen(self._page, self.host, self.port, compression=None, max_size=MESSAGE_BYTES, process_request=self._admit, logger=quiet) as server:
                if started is not None:
                    started(next(iter(server.sockets)).getsockname()[1])
                await stop.wait()

    def run_until_signal(self, started: Callable[[int], None] | None = None) -> None:
        """Serve until SIGTERM or SIGINT (Ctrl-C)."""
        until_signal(lambda stop: self.run(stop, started))

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """None lets a WebSocket in; everything else is answered here."""
        asked = urlsplit(request.path)
        host = request.headers.get("Host", "")
        if not self.token and not is_loopback(urlsplit(f"//{host}").hostname or ""):  # a name that was made to point here
            return connection.respond(http.HTTPStatus.FORBIDDEN, f"this is the host {host!r} to nobody: open it by the URL that the start-up message says\n")
        if asked.path in FILES:
            if asked.path == "/" and not self._knows(asked.query):
                return connection.respond(http.HTTPStatus.UNAUTHORIZED, "the token is missing or wrong: open the whole URL that the start-up message says\n")
            return _file(*FILES[asked.path])
        if asked.path != "/play":
            return connection.respond(http.HTTPStatus.NOT_FOUND, f"there is nothing at {asked.path}, only {', '.join(FILES)}\n")
        if not self._knows(asked.query):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "the token is missing or wrong\n")
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return connection.respond(http.HTTPStatus.FORBIDDEN, f"a page of {origin} may not play here\n")
        return None

    def _knows(self, query: str) -> bool:
        """Is the token in the URL ours? In constant time."""
        given = parse_qs(query).get("token", [""])[0]
        return not self.token or hmac.compare_digest(given.encode(), self.token.encode())

    async def _page(self, connection: ServerConnection) -> None:
        if self.playing >= self.most:
            words = f"{self.most} pages are playing, which is the limit. Close one, then load this page again."
            await farewell(connection, CloseCode.TRY_AGAIN_LATER, error(words))
            return
        self.playing, self.played = self.playing + 1, self.played + 1
        try:
            try:
                await self._play(connection)
            finally:  # the place is free before a last word, which a dead line would keep
                self.playing -= 1
        except ConnectionClosed:
            pass
        except Exception as failure:  # the model's own: the log has the details
            logger.exception("playing failed")
            words = f"the model failed ({type(failure).__name__}: {failure}). The terminal says more."
            await farewell(connection, CloseCode.INTERNAL_ERROR, error(words))

    async def _play(self, connection: ServerConnection) -> None:
        """One answer to each command, until the page goes."""
        assert self.worker is not None
        loop = asyncio.get_running_loop()
        session = await loop.run_in_executor(self.worker, self.make)
        await connection.send(welcome(session, self.title))
        await connection.send(frame_bytes(session.frame))
        async for message in connection:
            try:
                command = read_command(message)
                await connection.send(await loop.run_in_executor(self.worker, _answered, session, command))
            except CommandError as wrong:
                await connection.send(error(str(wrong)))


def _answered(session: PlaySession, command: Command) -> bytes:
    return frame_bytes(session.answer(command))


def _file(name: str, kind: str) -> Response:
    body = (files("wam.show.play") / name).read_bytes()
    return Response(200, "OK", Headers({**HEADERS, "Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(body)), "Connection": "close"}), body)
