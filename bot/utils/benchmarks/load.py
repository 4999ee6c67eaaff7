"""A load generator: keep-alive connections that post one prepared request after the other."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import cast

from bot.utils.benchmarks.processes import BenchmarkError

_OK = b"HTTP/1.1 200 "


@dataclass(slots=True)
class Tally:
    """What came of one burst of load."""

    answered: int = 0
    refused: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)


def request(path: str, body: bytes, *, secret: str) -> bytes:
    """Write one POST as Telegram, or nginx on its behalf, sends it."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"X-Telegram-Bot-Api-Secret-Token: {secret}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Connection(asyncio.Protocol):
    """Posts the next request when the last one is answered, until told to stop."""

    def __init__(self, requests: Iterator[bytes], tally: Tally) -> None:
        self._requests = requests
        self._tally = tally
        self._transport: asyncio.WriteTransport | None = None
        self._buffer = b""
        self._size = 0
        self._sent_at = 0.0
        self._stopping = False
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._post()

    def data_received(self, data: bytes) -> None:
        answer = self._buffer + data if self._buffer else data
        # A server's answers are all of one size, so only the first has to be read.
        self._size = self._size or _size(answer)
        if not self._size or len(answer) < self._size:
            self._buffer = answer
            return
        self._tally.latencies.append(time.perf_counter() - self._sent_at)
        if answer.startswith(_OK):
            self._tally.answered += 1
        else:
            self._tally.refused += 1
        self._buffer = b""
        self._post()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(exc)

    def stop(self) -> None:
        """Let the request under way be answered, and send no other."""
        self._stopping = True

    def _post(self) -> None:
        if self._transport is None:
            return
        if self._stopping:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(next(self._requests))


def _size(answer: bytes) -> int:
    """Return the length of an answer whose head has arrived, 0 before."""
    head, blank, _ = answer.partition(b"\r\n\r\n")
    if not blank:
        return 0
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return len(head) + len(blank) + int(length or 0)


class Caller:
    """Posts single requests on kept connections, as many at once as it is asked to."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, request: bytes) -> float:
        """Return the milliseconds until the update was taken. Raises BenchmarkError when it was not."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        began = time.perf_counter()
        writer.write(request)
        answer = await reader.readuntil(b"\r\n\r\n")
        took = (time.perf_counter() - began) * 1000
        if not answer.startswith(_OK):
            writer.close()
            raise BenchmarkError(f"an update was not taken: {answer.splitlines()[0].decode()}")
        self._idle.append((reader, writer))
        return took

    def close(self) -> None:
        """Hang up."""
        for _, writer in self._idle:
            writer.close()


async def burst(port: int, requests: Sequence[bytes], *, seconds: float, connections: int = 50) -> Tally:
    """Post the requests over and over for that long, each connection one at a time."""
    tally, stream = Tally(), cycle(requests)
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    made = await asyncio.gather(
        *(loop.create_connection(lambda: _Connection(stream, tally), "127.0.0.1", port) for _ in range(connections))
    )
    try:
        await asyncio.get_running_loop().run_in_executor(None, time.sleep, seconds)
    finally:
        for _, connection in made:
            connection.stop()
    await asyncio.wait_for(asyncio.gather(*(connection.closed for _, connection in made)), timeout=30)
    tally.seconds = time.perf_counter() - began
    return tally
