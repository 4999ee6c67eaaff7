"""DATABASE_URL with several hosts: the one that writes is found, and a server that does not write any more is left."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import urlsplit

import asyncpg
import pytest

from bot.core.checks.replication import hosts, replicas
from bot.core.clock import SystemClock
from bot.core.postgres.connecting import connect, hosts_of
from bot.core.postgres.database import Database, open_database
from bot.core.postgres.leader import Leadership
from bot.core.postgres.migrations import ensure_schema, upgrade
from bot.core.postgres.primary import PrimaryWatch
from bot.core.postgres.statements import load_statements
from bot.domain.errors import StoreUnavailableError
from bot.domain.finding import Level
from bot.utils.optimizer.connecting import connected
from tests.faults.proxy import proxied
from tests.kits.platform import eventually
from tests.kits.ports import free_port

pytestmark = pytest.mark.servers

_STATEMENTS = {
    **load_statements(),
    "primaries": "SELECT timeline FROM primaries",
    "which": "SELECT pg_backend_pid() AS pid",
    "demote": "SELECT set_config('default_transaction_read_only', 'on', false)",
    "slow": "SELECT pg_sleep(60)",
    "add": "INSERT INTO bots (bot_id, username, token_encrypted) VALUES ($1, '', '')",
}


def with_hosts(url: str, *places: str) -> str:
    """Put other hosts before the one of a URL."""
    parts = urlsplit(url)
    login, _, own = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{login}@{','.join((*places, own))}").geturl()


@pytest.fixture
async def several(database_url: str) -> AsyncIterator[str]:
    """Name a host that is down and one that says nothing before the one that works."""
    async with proxied(database_url) as silent:
        silent.cut()
        yield with_hosts(database_url, f"127.0.0.1:{free_port()}", f"127.0.0.1:{silent.port}")


@pytest.fixture
async def database(several: str) -> AsyncIterator[Database]:
    """Open a pool of two connections."""
    async with open_database(several, pool_size=2, statements=_STATEMENTS) as database:
        yield database


def test_hosts_are_read_as_asyncpg_reads_them() -> None:
    """With and without ports, with a login, and in brackets."""
    url = "postgresql://gm%40bot:p%2Cw@one:6000,two,[::1]:6001,[::2]/gmbot?target_session_attrs=read-write"

    assert hosts_of(url) == [("one", 6000), ("two", 5432), ("::1", 6001), ("::2", 5432)]
    assert hosts_of("postgresql:///gmbot?host=/run/postgresql") == []


async def test_nobody_waits_for_a_host_that_says_nothing(several: str) -> None:
    """Neither a connection, nor migrations, locks, or the optimizer."""
    began = time.monotonic()
    connection = await connect(several, seconds=5)
    connection.terminate()
    await ensure_schema(several, migrate=False)
    await upgrade(several)
    leader = Leadership(database_url=several, clock=SystemClock())
    async with leader.held(1, 2) as check:
        await check()
    leader.close()
    async with connected(several, read_only=True) as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("DELETE FROM bots")

    # Each that waited would wait for seconds.
    assert time.monotonic() - began < 12


@pytest.mark.slow
async def test_the_doctor_looks_at_each_host(several: str, database: Database) -> None:
    """Who does not answer is named; so is that nobody follows."""
    found = {each.what: each.level for each in (*await hosts(several), *await replicas(database, several))}
    dead, silent, _ = (f"127.0.0.1:{port}" for _, port in hosts_of(several))

    assert [level for level in found.values() if level is not Level.WARNING] == []
    assert len(found) == 3
    assert all(any(each in what for what in found) for each in (dead, silent, "no replica is synchronous"))


async def test_the_reason_names_each_host() -> None:
    """When none of them is what is wanted."""
    ports = free_port(), free_port()
    with pytest.raises(OSError, match=rf"127.0.0.1:{ports[0]}: .*; 127.0.0.1:{ports[1]}: "):
        await connect(f"postgresql://gmbot@127.0.0.1:{ports[0]},127.0.0.1:{ports[1]}/gmbot", seconds=5)


async def test_a_wrong_password_is_said(several: str) -> None:
    """It is the same on all hosts, and the operator's to put right."""
    parts = urlsplit(several)
    wrong = parts._replace(netloc=f"gmbot:wrong@{parts.netloc.rpartition('@')[2]}").geturl()
    with pytest.raises((asyncpg.InvalidPasswordError, OSError)) as caught:
        await connect(wrong, seconds=5)

    assert "password" in str(caught.value)


async def test_a_server_that_takes_no_changes_any_more_is_left(database: Database) -> None:
    """The write fails as in an outage, every connection is given up, and the next write finds who takes it."""
    async with database.session() as one, database.session() as other:
        before = {(await session.rows("which"))[0]["pid"] for session in (one, other)}
        for session in (one, other):
            await session.rows("demote")
    with pytest.raises(StoreUnavailableError):
        await database.execute("add", 1)
    await database.execute("add", 2)
    row = await database.row("which")

    assert row is not None
    assert row["pid"] not in before


async def test_only_a_server_that_takes_changes_counts_as_there(database: Database) -> None:
    """A standby answers every question, and nothing can be done with it; the next connection looks for the primary."""
    async with database.session() as one, database.session() as other:
        for session in (one, other):
            await session.rows("demote")
    with pytest.raises(StoreUnavailableError):
        await database.check()

    await database.check()


@pytest.mark.slow
async def test_who_waits_on_a_silent_server_hears_when_it_counts_as_away(database_url: str) -> None:
    """All who wait are told at once, and new calls fail without waiting."""
    async with (
        proxied(database_url) as proxy,
        open_database(proxy.url(database_url), pool_size=3, statements=_STATEMENTS) as database,
        asyncio.TaskGroup() as tasks,
    ):
        watch = tasks.create_task(database.watch())
        waiting = [tasks.create_task(_fate(database)) for _ in range(2)]
        await eventually(lambda: database.connections()[0] == len(waiting), "both wait for an answer")
        proxy.cut()
        await eventually(lambda: database.away, "it counts as away")

        assert await asyncio.wait_for(asyncio.gather(*waiting), 10) == ["away", "away"]
        assert await asyncio.wait_for(_fate(database), 2) == "away"
        await proxy.heal()
        await eventually(lambda: not database.away, "it is back")
        await database.execute("add", 1)
        watch.cancel()


async def test_whatever_breaks_in_the_middle_of_a_statement_is_an_outage(database: Database) -> None:
    """Connections are given up while others are about to use them: nobody hears of anything but an outage."""
    fates: list[str] = []

    async def ask(number: int) -> None:
        try:
            if number % 5:
                await database.row("which")
            else:
                async with database.session() as session:
                    await session.rows("demote")
                    await session.execute("add", number)
        except StoreUnavailableError:
            fates.append("away")

    await asyncio.gather(*(ask(number) for number in range(100)))

    assert fates
    assert await database.row("which") is not None


async def test_a_connection_that_was_taken_apart_is_an_outage(database: Database) -> None:
    """As asyncpg tells of it to whoever was preparing a statement; on a sound connection it is somebody's mistake."""

    async def stumble(*, broken: bool) -> None:
        async with database.session() as session:
            await session.rows("which")
            if broken:
                with suppress(StoreUnavailableError):
                    await _demoted(database)
            raise AttributeError("'NoneType' object has no attribute 'get_settings'")

    with pytest.raises(StoreUnavailableError):
        await stumble(broken=True)
    with pytest.raises(AttributeError):
        await stumble(broken=False)


async def _demoted(database: Database) -> None:
    """Have every connection given up."""
    async with database.session() as session:
        await session.rows("demote")
        await session.execute("add", 1)


async def test_a_new_primary_is_written_down_once(database: Database) -> None:
    """By whichever instance sees it first; the first primary of all is no change."""
    here, there = ((1, 3, "10.0.0.1:5432"), (1, 4, "10.0.0.2:5432"))

    assert [await database.execute("note_primary", *each) for each in (here, here, there, there)] == [0, 0, 1, 0]


async def test_a_primary_is_watched(database: Database) -> None:
    """And nothing is counted as long as it stays."""
    watch = PrimaryWatch(database=database, clock=SystemClock())
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watch.run())

        async def noted() -> bool:
            return len(await database.rows("primaries")) == 1

        await eventually(noted, "the primary is written down")
        task.cancel()
    samples = {sample.name: sample.value for metric in watch.collect() for sample in metric.samples}

    assert samples["gmbot_database_primary_changes_total"] == 0


async def _fate(database: Database) -> str:
    try:
        await database.rows("slow")
    except StoreUnavailableError:
        return "away"
    return "answered"
