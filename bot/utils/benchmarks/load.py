"""A load generator: keep-alive connections that post one prepared request after the other."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import cast

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
        self._sent_at = 0.0
        self._stopping = False
        self.closed = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)
        self._post()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not _complete(self._buffer):
            return
        self._tally.latencies.append(time.perf_counter() - self._sent_at)
        if self._buffer.startswith(_OK):
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


def _complete(answer: bytes) -> bool:
    """Whether head and body of an answer have arrived."""
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    _, name, rest = head.lower().partition(b"content-length:")
    return not name or len(body) >= int(rest.partition(b"\r\n")[0])


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
