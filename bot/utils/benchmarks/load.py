"""Requests as Telegram posts them, one at a time or as many as a server takes."""

import asyncio
import os
import sys
import time
from collections.abc import Sequence

import msgspec

from bot.utils.benchmarks.generator import Tally
from bot.utils.benchmarks.processes import BenchmarkError

_GENERATOR = "bot.utils.benchmarks.generator"
_PATIENCE_SECONDS = 60.0
_OK = b"HTTP/1.1 200 "


def request(path: str, body: bytes, *, secret: str) -> bytes:
    """Write one POST as Telegram, or nginx on its behalf, sends it."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"X-Telegram-Bot-Api-Secret-Token: {secret}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


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


async def burst(
    port: int, requests: Sequence[bytes], *, seconds: float, core: int | None, connections: int = 50
) -> Tally:
    """Have a process of its own post the requests over and over for that long, each connection one at a time."""
    command = (sys.executable, "-m", _GENERATOR, str(port), str(seconds), str(connections))
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    async with asyncio.timeout(seconds + _PATIENCE_SECONDS):
        said, _ = await process.communicate(msgspec.msgpack.encode(requests))
    if process.returncode != 0:
        raise BenchmarkError(f"the load generator ended with status {process.returncode}")
    return msgspec.msgpack.decode(said, type=Tally)
