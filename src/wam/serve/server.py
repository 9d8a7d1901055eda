"""A policy behind a WebSocket, in the wire format of openpi's policy server, so that its robot clients connect unchanged.

A client gets one message with metadata, then an answer to each message of its own (`session`), one at a time. What goes wrong is
told in a text frame, then the connection is closed: 1007 for a message that cannot be answered, 1008 for too many, 1009 for too
large, 1011 for the server's own fault, 1013 for too many clients. `GET /healthz` answers 200 "OK" while a policy thinks: all
inference runs in one worker thread, client after client.

Only this machine can connect unless a token is given; then "Authorization: Api-Key TOKEN" must come with the connection. A web
page cannot connect: an Origin header is refused. There is no encryption: over a network that others use, tunnel it.
"""

import asyncio
import hmac
import http
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.asyncio.server import serve as listen
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from wam.listening import farewell, require_safe, until_signal
from wam.serve.keys import GOAL, Keys, RequestError
from wam.serve.limits import Limits
from wam.serve.session import Session
from wam.serve.wire import WireError, pack, unpack
from wam.world import Policy, SpecError

logger = logging.getLogger(__name__)


class Refusal(Exception):
    """Why a connection ends: told to the client, with a close code."""

    def __init__(self, code: CloseCode, words: str) -> None:
        super().__init__(words)
        self.code = code


class PolicyServer:
    """Serves one policy to several clients, each with a memory of its own."""

    def __init__(
        self,
        policy: Policy[Any],
        *,
        name: str = "policy",
        host: str = "127.0.0.1",
        port: int = 8000,
        token: str | None = None,
        keys: Keys | None = None,
        limits: Limits | None = None,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        """`port` 0 takes a free one. `seed`: of the clients' chance, counted up from client to client. SpecError for what cannot be served."""
        require_safe(host, token, "drive the robot")
        self.keys = keys or Keys.of(policy.spec.observes)
        self.keys.require_fit(policy.spec)
        self.limits = limits or Limits()
        self.limits.require_fit(policy.spec)
        self.policy, self.name, self.host, self.port, self.token = policy, name, host, port, token
        self.seed, self.device = seed, device
        self.clients, self.served = 0, 0
        self.worker: ThreadPoolExecutor | None = None

    def metadata(self) -> dict[str, object]:
        """What a client is told first: the inputs, the actions with their slots, the clock."""
        spec = self.policy.spec
        per_step = spec.acts.per_step
        return {
            "server": "wam",
            "policy": self.name,
            "inputs": self.keys.inputs(spec.observes),
            "prompts": list(spec.sentences) if spec.instructed else [],
            "goal": [GOAL + key for key in (*self.keys.cameras, *self.keys.proprio)] if spec.goal_conditioned else [],
            "actions": {
                "shape": [spec.chunk * per_step, len(spec.acts.low_level)],
                "dtype": "float32",
                "slots": [slot.to_dict() for slot in spec.acts.low_level],
            },
            "rate": spec.rate * per_step,  # rows per second
            "chunk": spec.chunk * per_step,  # rows
            "execute": spec.execute * per_step,  # rows, before the next message
            "keys": self.keys.to_dict(),
            "limits": self.limits.to_dict(),
            "spec": spec.to_dict(),
        }

    async def run(self, stop: asyncio.Event, started: Callable[[int], None] | None = None) -> None:
        """Serve until `stop` is set. `started` is told the port. Clients that are connected then are told to go (1001)."""
        with ThreadPoolExecutor(1, thread_name_prefix="policy") as self.worker:
            async with listen(
                self._client,
                self.host,
                self.port,
                origins=[None],
                compression=None,
                max_size=self.limits.message_bytes,
                process_request=self._admit,
            ) as server:
                if started is not None:
                    started(next(iter(server.sockets)).getsockname()[1])
                await stop.wait()

    def run_until_signal(self, started: Callable[[int], None] | None = None) -> None:
        """Serve until SIGTERM or SIGINT (Ctrl-C)."""
        until_signal(lambda stop: self.run(stop, started))

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        """Before the connection stands: health, and who may come in."""
        if request.path == "/healthz":
            return connection.respond(http.HTTPStatus.OK, "OK\n")
        if self.token and not hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Api-Key {self.token}".encode()):
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "the token is missing or wrong: send the header Authorization: Api-Key TOKEN\n")
        return None

    async def _client(self, connection: ServerConnection) -> None:
        """One that came: let in and answered, or told why not."""
        who = f"a client at {connection.remote_address}"
        try:
            if self.clients >= self.limits.clients:
                raise Refusal(CloseCode.TRY_AGAIN_LATER, f"{self.limits.clients} clients are connected, which is the limit; try again later")
            self.clients, self.served = self.clients + 1, self.served + 1
            who = f"client {self.served}"
            logger.info("%s connected from %s", who, connection.remote_address)
            try:
                await self._converse(connection, Session(self.policy, self.keys, self.limits, seed=self.seed + self.served - 1, device=self.device))
            finally:
                self.clients -= 1  # before the farewell, which a dead line makes long
        except ConnectionClosed:
            pass
        except Refusal as refusal:
            logger.warning("%s: %s", who, refusal)
            await farewell(connection, refusal.code, str(refusal))
        except Exception as error:  # the policy's own: the log has the details, a stranger gets none
            logger.exception("%s: the policy failed", who)
            await farewell(connection, CloseCode.INTERNAL_ERROR, f"the policy failed ({type(error).__name__}); the server's log says more")
        finally:
            logger.info("%s is gone", who)

    async def _converse(self, connection: ServerConnection, session: Session) -> None:
        """Answer message after message, until the connection ends or something does not fit."""
        await connection.send(pack(self.metadata()))
        arrived, before = deque[float](maxlen=self.limits.per_second), None
        while True:
            try:
                data = await asyncio.wait_for(connection.recv(), self.limits.idle_seconds)
            except TimeoutError:
                raise Refusal(CloseCode.GOING_AWAY, f"no message for {self.limits.idle_seconds:g} s") from None
            now = time.monotonic()
            if len(arrived) == arrived.maxlen and now - arrived[0] < 1:
                raise Refusal(
                    CloseCode.POLICY_VIOLATION,
                    f"more than {self.limits.per_second} messages in a second; serve with a larger --per-second where a robot needs them",
                )
            arrived.append(now)
            if isinstance(data, str):
                raise Refusal(CloseCode.INVALID_DATA, "a text frame came, expected a binary one with a MessagePack message")
            answer = await self._while_connected(connection, self._infer(session, data, before))
            if answer is None:
                return
            await connection.send(answer)
            before = time.monotonic() - now

    async def _while_connected(self, connection: ServerConnection, inferring: Coroutine[Any, Any, bytes]) -> bytes | None:
        """The answer; None where the client went before it was there. What nobody waits for is not begun."""
        asked, gone = asyncio.ensure_future(inferring), asyncio.ensure_future(connection.wait_closed())
        try:
            await asyncio.wait({asked, gone}, return_when=asyncio.FIRST_COMPLETED)
            return await asked if asked.done() else None
        finally:
            asked.cancel()
            gone.cancel()

    async def _infer(self, session: Session, data: bytes, before: float | None) -> bytes:
        """One answer, from the worker thread. `before`: seconds that the last message took in all."""
        assert self.worker is not None
        try:
            asked = asyncio.get_running_loop().run_in_executor(self.worker, _answered, session, data, before)
            return await asyncio.wait_for(asked, self.limits.infer_seconds)
        except TimeoutError:
            raise Refusal(
                CloseCode.INTERNAL_ERROR, f"no answer within {self.limits.infer_seconds:g} s: the policy is too slow for --infer-seconds, or busy with others"
            ) from None
        except (WireError, RequestError, SpecError) as error:  # SpecError: e.g. a goal that the policy needs and nobody sent
            raise Refusal(CloseCode.INVALID_DATA, str(error)) from error


def _answered(session: Session, data: bytes, before: float | None) -> bytes:
    message, started = unpack(data), time.perf_counter()
    reply = session.answer(message)
    timing = {"infer_ms": 1000 * (time.perf_counter() - started)}
    return pack({**reply, "server_timing": timing if before is None else {**timing, "prev_total_ms": 1000 * before}})
