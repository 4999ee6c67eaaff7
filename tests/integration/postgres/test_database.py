"""The pool: what waits too long is told so, and every connection comes back."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from bot.core.postgres.database import Database, open_database
from bot.domain.errors import StoreUnavailableError

pytestmark = pytest.mark.servers

_STATEMENTS = {
    "which": "SELECT pg_backend_pid() AS pid",
    "wrong": "SELECT 1 / 0",
    "slow": "SELECT pg_sleep(60)",
    "bots": "SELECT bot_id FROM bots",
    "add": "INSERT INTO bots (bot_id, username, token_encrypted) VALUES ($1, '', '')",
}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Open a pool of one connection."""
    async with open_database(database_url, pool_size=2, statements=_STATEMENTS) as database:
        yield database


async def _pids(database: Database, times: int) -> set[int]:
    """Ask often, several at once, which connection answers."""

    async def ask() -> int:
        row = await database.row("which")
        assert row is not None
        pid: int = row["pid"]
        return pid

    return set(await asyncio.gather(*(ask() for _ in range(times))))


async def test_connections_are_used_again(database: Database) -> None:
    """Of five hundred acquisitions at least 98 in a hundred find a connection that is there."""
    pids = await _pids(database, 500)

    assert 1 - len(pids) / 500 >= 0.98


async def test_whoever_waits_too_long_for_a_connection_hears_so(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an outage, which every caller knows how to live with; and the next one is served."""
    monkeypatch.setattr("bot.core.postgres.database._ACQUIRE_TIMEOUT_SECONDS", 0.05)
    async with database.session(), database.session():
        with pytest.raises(StoreUnavailableError):
            await database.row("which")

    assert await database.row("which") is not None


async def test_a_failed_statement_gives_its_connection_back(database: Database) -> None:
    """However often; the transaction it was in is undone."""

    async def fail(number: int) -> None:
        async with database.transaction() as session:
            await session.execute("add", number)
            await session.execute("wrong")

    for number in range(10):
        with pytest.raises(asyncpg.DivisionByZeroError):
            await fail(number)

    assert await database.rows("bots") == []
    assert len(await _pids(database, 20)) <= 2


async def test_a_cancelled_statement_gives_its_place_back(database: Database) -> None:
    """Its connection is closed, for the server may be busy on it yet, and a new one takes its place."""
    for _ in range(5):
        task = asyncio.ensure_future(database.row("slow"))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert len(await _pids(database, 20)) <= 2
