"""A TCP proxy that goes wrong on demand: slow, cut, reset, refused, narrow, and healed again."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

_CHUNK = 65536
# SO_LINGER with no time to linger: closing sends RST, as a crashed peer's system does.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards connections from `port` to `target`. Every fault lasts until the next call of `heal`."""

    def __init__(self, *, target: int) -> None:
        self.target = target
        self.port = 0
        self.latency = 0.0
        """Seconds that everything from the client is late."""
        self.rate: int | None = None
        """Bytes a second in each direction; None for as many as there are."""
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    def url(self, url: str) -> str:
        """Return a server's URL with the proxy in the server's place."""
        parts = urlsplit(url)
        login, at, _ = parts.netloc.rpartition("@")
        return parts._replace(netloc=f"{login}{at}127.0.0.1:{self.port}").geturl()

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._serving)

    async def listen(self) -> None:
        """Accept connections, on the same port each time."""
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Be gone, as a server that is not running."""
        if self._server is not None:
            self._server.close()
            self._server = None
        self.reset()
        await asyncio.sleep(0)

    def reset(self) -> None:
        """Break every connection there is; new ones are welcome."""
        for writer in self._writers:
            raw: socket.socket | None = writer.get_extra_info("socket")
            if raw is not None:
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()

    def cut(self) -> None:
        """Swallow everything without a word, as a network that is down: nobody is told."""
        self._flowing.clear()

    async def heal(self) -> None:
        """End every fault. What was on its way during a cut arrives late, as TCP has it."""
        self.latency, self.rate = 0.0, None
        self._flowing.set()
        await self.listen()

    async def close(self) -> None:
        """Stop, and end all connections."""
        self._flowing.set()
        await self.refuse()
        serving = tuple(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        self._writers.add(writer)
        try:
            with contextlib.suppress(OSError):
                await self._flowing.wait()
                onward, back = await asyncio.open_connection("127.0.0.1", self.target)
                self._writers.add(back)
                async with asyncio.TaskGroup() as pumps:
                    pumps.create_task(self._pump(reader, back, late=True))
                    pumps.create_task(self._pump(onward, writer, late=False))
                self._writers.discard(back)
        except asyncio.CancelledError:
            # Only `close` cancels; the callback of the server would complain of it.
            return
        finally:
            self._writers.discard(writer)
            writer.transport.abort()
            self._serving.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, late: bool) -> None:
        try:
            while data := await reader.read(_CHUNK):
                await asyncio.sleep(self.latency if late else 0)
                if self.rate:
                    await asyncio.sleep(len(data) / self.rate)
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            # One end is gone, and so is the other.
            writer.close()


@asynccontextmanager
async def proxied(url: str) -> AsyncIterator[Proxy]:
    """Put a proxy before the server of a URL."""
    proxy = Proxy(target=urlsplit(url).port or 0)
    await proxy.listen()
    try:
        yield proxy
    finally:
        await proxy.close()
