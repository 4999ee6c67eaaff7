"""Servers under test, as processes on one core, with what they consume."""

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.core.clock import SystemClock
from bot.domain.errors import BotError

_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_BUSY_SHARE = 0.2
_POLL_SECONDS = 0.05
_REST_SECONDS = 60.0


class BenchmarkError(BotError):
    """A measurement cannot be made here."""


class Server:
    """One process that listens on a port."""

    def __init__(self, name: str, port: int, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.port = port
        self._process = process
        self._stat = Path(f"/proc/{process.pid}/stat")

    def cpu_seconds(self) -> float:
        """Return the CPU time of all its threads so far."""
        fields = self._stat.read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Return the memory it holds."""
        pages = int(self._stat.with_name("statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def at_rest(self) -> None:
        """Wait until it has worked off what it took in."""
        clock = SystemClock()
        deadline = clock.monotonic() + _REST_SECONDS
        before, then = self.cpu_seconds(), clock.monotonic()
        while clock.monotonic() < deadline:
            await clock.sleep(_POLL_SECONDS)
            used, now = self.cpu_seconds(), clock.monotonic()
            if (used - before) / (now - then) < _BUSY_SHARE:
                return
            before, then = used, now
        raise BenchmarkError(f"{self.name} does not come to rest")

    async def is_listening(self) -> bool:
        """Wait until it accepts connections; say whether it ever did."""
        clock = SystemClock()
        deadline = clock.monotonic() + _START_SECONDS
        while clock.monotonic() < deadline and self._process.returncode is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return True
            await clock.sleep(_POLL_SECONDS)
        return False

    async def stop(self) -> None:
        """Ask it to end, and insist after a while."""
        if self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), timeout=_STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def use_core(self, core: int | None) -> None:
        """Let it run on one core only; nothing happens where the system has no such thing."""
        if core is not None:
            for thread in self._stat.with_name("task").iterdir():
                os.sched_setaffinity(int(thread.name), {core})


@asynccontextmanager
async def running_server(
    name: str, command: Sequence[str], *, port: int, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Server]:
    """Run this interpreter with `command` for the time of the block; it listens when the block begins."""
    with tempfile.TemporaryFile() as complaints:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, env=environment, stdout=asyncio.subprocess.DEVNULL, stderr=complaints
        )
        server = Server(name, port, process)
        try:
            if not await server.is_listening():
                complaints.seek(0)
                last = complaints.read().decode(errors="replace").strip().rpartition("\n")[2]
                raise BenchmarkError(f"{name} did not start: {last}")
            yield server
        finally:
            await server.stop()


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
