"""Fixtures: the real PostgreSQL and Valkey, a fresh migrated database and an empty Redis for each test."""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlsplit

import asyncpg
import pytest
from redis.asyncio import Redis

from bot.core.embedded import EmbeddedServers, EmbeddedUnavailableError, embedded_servers, stop_abandoned
from bot.core.postgres.migrations import upgrade

_TEMPLATE = "template_migrated"
_PREFIX = "gmbot-servers-"


def database_named(database_url: str, name: str) -> str:
    """Return the URL of another database on the same server."""
    return urlsplit(database_url)._replace(path=f"/{name}").geturl()


@contextmanager
def running_servers(home: Path) -> Iterator[EmbeddedServers]:
    """Run the servers for as long as the block lasts, with no event loop in the caller's thread."""
    ready = Event()
    leave = Event()
    found: list[EmbeddedServers] = []
    errors: list[BaseException] = []

    async def hold() -> None:
        async with embedded_servers(home=home, durable=False) as servers:
            await _make_template(servers.database_url)
            found.append(servers)
            ready.set()
            await asyncio.to_thread(leave.wait)

    def main() -> None:
        try:
            asyncio.run(hold())
        except BaseException as error:  # noqa: BLE001 - carried to the thread that asked
            errors.append(error)
        finally:
            ready.set()

    thread = Thread(target=main, name="embedded-servers", daemon=True)
    thread.start()
    ready.wait()
    if errors:
        raise errors[0]
    try:
        yield found[0]
    finally:
        leave.set()
        thread.join()


@pytest.fixture(scope="session")
def servers_home() -> Iterator[Path]:
    """Make a directory for servers, short-lived and open to the user that runs them."""
    _stop_what_killed_sessions_left()
    # Not tmp_path: its parents are private, and as root the servers run as another user.
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX))
    directory.chmod(0o711)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def servers(servers_home: Path) -> Iterator[EmbeddedServers]:
    """Run PostgreSQL and Valkey once for the whole session."""
    with running_servers(servers_home / "home") as servers:
        yield servers


@pytest.fixture
async def database_url(servers: EmbeddedServers) -> AsyncIterator[str]:
    """Clone a fresh database with the current schema."""
    async with fresh_database(servers) as url:
        yield url


@pytest.fixture
async def empty_database_url(servers: EmbeddedServers) -> AsyncIterator[str]:
    """Make a fresh database with no schema at all."""
    async with fresh_database(servers, template="template1") as url:
        yield url


@pytest.fixture
async def redis_url(servers: EmbeddedServers) -> str:
    """Empty the Redis before the test."""
    client = Redis.from_url(servers.redis_url)
    await client.flushall()
    await client.aclose()
    return servers.redis_url


@asynccontextmanager
async def fresh_database(servers: EmbeddedServers, *, template: str = _TEMPLATE) -> AsyncIterator[str]:
    """Make a database for the time of the block, by default with the current schema."""
    name = f"test_{secrets.token_hex(6)}"
    await _execute(servers.database_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield database_named(servers.database_url, name)
    await _execute(servers.database_url, f"DROP DATABASE {name} WITH (FORCE)")


async def _make_template(database_url: str) -> None:
    await _execute(database_url, f"CREATE DATABASE {_TEMPLATE}")
    await upgrade(database_named(database_url, _TEMPLATE))


async def _execute(database_url: str, statement: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _stop_what_killed_sessions_left() -> None:
    """Servers outlive whoever started them: a test session that was killed has left its own behind."""
    for directory in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError, EmbeddedUnavailableError):
            running = (directory / "home" / "servers" / "postgres" / "data" / "postmaster.pid").exists()
            if running and asyncio.run(stop_abandoned(directory / "home")):
                shutil.rmtree(directory, ignore_errors=True)
