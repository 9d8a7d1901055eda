"""A link that can be slow, shaky, cut or led elsewhere: a TCP relay in a thread. Delays come from a seeded generator."""

import asyncio
import contextlib
import random
import threading


class Relay:
    """Listens on `port` and passes everything on to `target`; `delay` + up to `jitter` seconds each way, in order.

    `drops`: the chance that a piece gets lost, and its connection with it.
    """

    def __init__(self, target: int, delay: float = 0.0, jitter: float = 0.0, drops: float = 0.0, seed: int = 0) -> None:
        self.target, self.delay, self.jitter, self.drops, self.chance = target, delay, jitter, drops, random.Random(seed)
        self.swallow, self.connections, self.open = False, 0, set[asyncio.StreamWriter]()
        self.most: int | None = None  # bytes that are read of each connection that is made from now on; then the line is silent
        self.loop, self.up = asyncio.new_event_loop(), threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()
        self.up.wait()

    def cut(self) -> None:
        """Reset every connection, without goodbye."""
        done = threading.Event()

        def abort() -> None:
            for writer in tuple(self.open):
                writer.transport.abort()
            done.set()

        self.loop.call_soon_threadsafe(abort)
        done.wait()

    def close(self) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self) -> None:
        self.loop.run_until_complete(self._serve())
        self.loop.close()

    async def _serve(self) -> None:
        self.stop = asyncio.Event()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.up.set()
        await self.stop.wait()
        server.close()
        for writer in tuple(self.open):
            writer.transport.abort()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.add(writer)
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            self.open.discard(writer)
            return
        self.open.add(back)
        with contextlib.suppress(asyncio.CancelledError):  # at the end
            await asyncio.gather(self._pass(reader, back, self.most), self._pass(there, writer))
        self.open -= {writer, back}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None = None) -> None:
        read = 0
        with contextlib.suppress(OSError):
            while data := await reader.read(2**16):
                read += len(data)
                if most is not None and read > most:
                    await asyncio.sleep(3600)
                await asyncio.sleep(self.delay + self.jitter * self.chance.random())
                if self.chance.random() < self.drops:
                    break
                if not self.swallow:
                    writer.write(data)
        writer.transport.abort()
