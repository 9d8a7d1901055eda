"""What servers share, whatever they serve: who may reach them, how they end, and how they say goodbye.

Does not know: policies, pages, what a message holds. Saying goodbye needs the extra "serve".
"""

import asyncio
import ipaddress
import signal
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from wam.world import SpecError

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.frames import CloseCode


def is_loopback(host: str) -> bool:
    """Is it this machine alone? Names other than localhost are not looked up: they count as open."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def require_safe(host: str, token: str | None, could: str) -> None:
    """SpecError for a host that others can reach, without a token. `could` says what they could do then."""
    if not is_loopback(host) and not token:
        raise SpecError(f"{host!r} can be reached from other machines, and whoever reaches it could {could}. Pass a token, or stay on 127.0.0.1.")


def until_signal(run: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    """Run until SIGTERM or SIGINT (Ctrl-C) sets the event that `run` is given."""

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await run(stop)

    asyncio.run(main())


async def farewell(connection: "ServerConnection", code: "CloseCode", words: str) -> None:
    """Why, as text; then the close code. The reason of a close frame is too short for it."""
    from websockets.exceptions import ConnectionClosed

    try:
        await connection.send(words)
        await connection.close(code, "the text frame before says why")
    except ConnectionClosed:
        pass
