"""What measurements need: the real servers in a temporary home, the simulator, instances of GMBot."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from bot.core.clock import SystemClock
from bot.core.crypto import Vault, new_key
from bot.core.embedded import embedded_servers
from bot.core.postgres.migrations import upgrade
from bot.core.settings import Settings
from bot.domain.ids import BotId
from bot.simulator import Simulator
from bot.utils.benchmarks.processes import BenchmarkError, Server, free_port, running_server

_PREFIX = "gmbot-benchmark-"
_TEMPLATE = "benchmark_template"
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core the server under test has, and which everything else; None where cores cannot be chosen."""

    server: int | None
    rest: int | None


class Stage:
    """Servers, a simulator and databases to run instances on."""

    def __init__(self, *, database_url: str, redis_url: str, simulator: Simulator, cores: Cores) -> None:
        self.redis_url = redis_url
        self.simulator = simulator
        self.cores = cores
        self.key = new_key()
        self.vault = Vault(self.key)
        self._database_url = database_url
        self._numbers = count(1)

    def secret(self, bot: BotId) -> str:
        """Return the secret that instances derive for a bot."""
        return self.vault.webhook_secret(bot).reveal()

    async def database(self) -> str:
        """Make an empty database with the current schema and return its URL."""
        name = f"benchmark_{next(self._numbers)}"
        await self._administer(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return self._named(name)

    async def prepare(self) -> None:
        """Make the schema once; databases are copies of it."""
        await self._administer(f"CREATE DATABASE {_TEMPLATE}")
        await upgrade(self._named(_TEMPLATE))

    def environment(self, *, token: str, database_url: str, port: int) -> dict[str, str]:
        """Return what an instance, or a command beside it, is told."""
        return {
            **_inherited(),
            "BOT_TOKEN": token,
            "TELEGRAM_API_URL": self.simulator.url,
            "WEBHOOK_URL": f"http://127.0.0.1:{port}",
            "PORT": str(port),
            "DATABASE_URL": database_url,
            "REDIS_URL": self.redis_url,
            "ENCRYPTION_KEY": self.key,
            "LOG_LEVEL": "error",
        }

    @asynccontextmanager
    async def instance(
        self, name: str, *, token: str, database_url: str, settings: Mapping[str, str] | None = None
    ) -> AsyncIterator[Server]:
        """Run `gmbot serve` on a core of its own until the block ends; its webhooks are set when it begins."""
        port = free_port()
        environment = {**self.environment(token=token, database_url=database_url, port=port), **(settings or {})}
        command = ("-m", "bot", "serve", "--mode", "webhook")
        async with running_server(name, command, port=port, environment=environment) as server:
            await _until_healthy(server)
            server.use_core(self.cores.server)
            yield server

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(self._database_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    def _named(self, name: str) -> str:
        return urlsplit(self._database_url)._replace(path=f"/{name}").geturl()


@asynccontextmanager
async def opened_stage() -> AsyncIterator[Stage]:
    """Start everything in a temporary home, and leave nothing behind."""
    home = _temporary_home()
    simulator = Simulator(keeps=10_000)
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, home, ignore_errors=True)
        servers = await stack.enter_async_context(embedded_servers(home=home / "home"))
        await stack.enter_async_context(simulator.serving())
        stage = Stage(
            database_url=servers.database_url, redis_url=servers.redis_url, simulator=simulator, cores=_cores()
        )
        await stage.prepare()
        yield stage


def _temporary_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix=_PREFIX))
    # As root the servers run as another user, who has to reach what is below.
    home.chmod(0o711)
    return home


def _cores() -> Cores:
    if not hasattr(os, "sched_getaffinity"):
        return Cores(None, None)
    free = sorted(os.sched_getaffinity(0))
    return Cores(free[0], free[1]) if len(free) > 1 else Cores(None, None)


def _inherited() -> dict[str, str]:
    """Return the environment without anything that configures an instance of the operator's."""
    own = {name.upper() for name in Settings.model_fields}
    given = os.environ  # noqa: TID251 - passed on to a process, which reads it in the one place for it
    return {name: value for name, value in given.items() if name.removesuffix("_FILE") not in own}


async def _until_healthy(server: Server) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + 60
    while clock.monotonic() < deadline:
        if await asyncio.to_thread(_health, server.port):
            return
        await clock.sleep(_POLL_SECONDS)
    raise BenchmarkError(f"{server.name} does not become healthy")


def _health(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        answer = connection.getresponse().read()
    except OSError:
        return False
    finally:
        connection.close()
    return b'"status": "healthy"' in answer
