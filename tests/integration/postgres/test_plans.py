"""Every statement of the repositories finds its rows by an index and reads no more than it needs."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import asyncpg
import pytest

from bot.core.clock import SystemClock
from bot.core.embedded import EmbeddedServers
from bot.core.postgres.statements import load_statements
from bot.utils.optimizer.advice import own_indexes, suggestions
from bot.utils.optimizer.connecting import Connection, connected, database_named
from bot.utils.optimizer.health import health
from bot.utils.optimizer.measuring import Laboratory
from bot.utils.optimizer.samples import Sample, take_samples
from bot.utils.optimizer.scale import TINY
from bot.utils.optimizer.seeding import NotEmptyError, seed
from bot.utils.optimizer.study import known_probes
from bot.utils.optimizer.workload import Probe

pytestmark = pytest.mark.servers

# Their conditions do not hold for the rows of the seed: no mute landed late, no action is leased.
_WITHOUT_ROWS = {"echo_open", "actions_done"}


@dataclass(frozen=True, slots=True)
class Seeded:
    """A database with tens of thousands of rows, and values that occur in it."""

    database_url: str
    samples: Sequence[Sample]


@pytest.fixture(scope="module")
def seeded(servers: EmbeddedServers) -> Iterator[Seeded]:
    name = f"seeded_{secrets.token_hex(4)}"
    url = database_named(servers.database_url, name)

    async def make() -> Sequence[Sample]:
        async with connected(servers.database_url) as connection:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE template_migrated")
        await seed(url, TINY, progress=lambda _table, _rows: None)
        async with connected(url) as connection:
            return await take_samples(connection, 20)

    async def drop() -> None:
        async with connected(servers.database_url) as connection:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    yield Seeded(url, asyncio.run(make()))
    asyncio.run(drop())


@pytest.fixture
async def connection(seeded: Seeded) -> AsyncIterator[Connection]:
    async with connected(seeded.database_url) as connection:
        yield connection


@pytest.mark.parametrize("probe", known_probes(), ids=lambda probe: probe.statement)
async def test_a_statement_uses_its_index_and_bounds_its_reads(
    connection: Connection, seeded: Seeded, probe: Probe
) -> None:
    """With the planner as it is, the plan that it keeps, and as many rows as make it think."""
    finding = await Laboratory(connection, seeded.samples, clock=SystemClock()).examine(probe, runs=5)

    assert finding.faults == ()
    assert any(plan.rows_out for plan in finding.plans) or probe.statement in _WITHOUT_ROWS


async def test_nothing_is_missing(connection: Connection) -> None:
    """No statement, not even one without a probe, plans to read a large table from end to end."""
    assert await suggestions(connection) == []


async def test_a_missing_index_is_noticed_and_named(connection: Connection) -> None:
    """With the statement that makes it, without a lock for those who write."""
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("DROP INDEX restrictions_closed_user")

    advice = {each.statement: each.reason for each in await suggestions(connection)}

    await transaction.rollback()
    wanted = "CREATE INDEX CONCURRENTLY restrictions_closed_user ON restrictions (bot_id, user_id, group_id)"
    assert any(statement.startswith(wanted) for statement in advice)
    assert "echo_orphan reads all of restrictions" in advice.values()


async def test_the_indexes_of_the_migrations_are_there(connection: Connection) -> None:
    """What the migrations make is what the database has."""
    rows = await connection.fetch("SELECT indexname FROM pg_indexes WHERE schemaname = 'public'")

    assert own_indexes().keys() <= {row["indexname"] for row in rows}


async def test_a_sound_database_is_healthy(connection: Connection) -> None:
    """No invalid or duplicate index, no dead rows, and statistics that are up to date."""
    state = await health(connection)

    assert state.is_healthy
    assert [trouble for trouble in state.troubles if "index" in trouble.what or "statistics" in trouble.what] == []
    assert state.bytes_per_event is not None
    assert 100 < state.bytes_per_event < 600


async def test_duplicate_and_invalid_indexes_are_noticed(connection: Connection) -> None:
    """With what removes them."""
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("CREATE INDEX twin ON updates_done (claimed_at)")
    await connection.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'restrictions_due'::regclass")

    state = await health(connection)

    await transaction.rollback()
    found = {trouble.remedy for trouble in state.troubles}
    assert not state.is_healthy
    assert "REINDEX INDEX CONCURRENTLY restrictions_due" in found
    assert found & {"DROP INDEX CONCURRENTLY twin", "DROP INDEX CONCURRENTLY updates_done_age"}


async def test_the_operator_s_database_cannot_be_changed(seeded: Seeded) -> None:
    """Whatever the tool asks of it."""
    async with connected(seeded.database_url, read_only=True) as connection:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("DELETE FROM bots")


async def test_nobody_s_data_is_seeded_over(seeded: Seeded) -> None:
    """A database with a bot in it is refused."""
    with pytest.raises(NotEmptyError):
        await seed(seeded.database_url, TINY, progress=lambda _table, _rows: None)


async def test_every_statement_is_one_that_postgres_takes(connection: Connection) -> None:
    """Also those that no test happens to run."""
    for name, text in load_statements().items():
        assert await connection.prepare(text) is not None, name
