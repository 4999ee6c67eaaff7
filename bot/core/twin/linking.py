"""Makes two databases twins, compares them, and makes them single again."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from typing import TypeAlias
from urllib.parse import urlsplit

import asyncpg

from bot.domain.errors import StoreUnavailableError, TwinError
from bot.domain.twin import SideState

_OLDEST = 160_000
_CONNECT_SECONDS = 5.0
_QUESTION_SECONDS = 60.0
# Rows of before both databases were twins, which do not say when they were changed: here they count as a little newer.
_EPOCHS = ("1970-01-02T00:00:00Z", "1970-01-01T00:00:00Z")

_FACTS = """
SELECT current_setting('server_version_num')::int AS version, current_setting('wal_level') AS wal_level,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
       to_regclass('gmbot_twin.node') IS NOT NULL AS installed,
       (SELECT system_identifier::text FROM pg_control_system()) AS system,
       (SELECT version_num FROM alembic_version) AS revision, current_database() AS database
"""
_STATE = """
SELECT (SELECT count(*) FROM gmbot_twin.conflicts) AS conflicts,
       (SELECT count(*) FROM gmbot_twin.conflicts WHERE outcome LIKE 'not applied%') AS not_applied,
       coalesce((SELECT bool_or(pid IS NOT NULL) FROM pg_stat_subscription WHERE subname = 'gmbot_twin'), false)
         AS receives,
       coalesce((SELECT sum(apply_error_count) FROM pg_stat_subscription_stats WHERE subname = 'gmbot_twin'), 0)::bigint
         AS faults,
       (SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint FROM pg_replication_slots
        WHERE slot_name = 'gmbot_twin') AS behind_bytes,
       coalesce((SELECT active FROM pg_replication_slots WHERE slot_name = 'gmbot_twin'), false) AS sends,
       coalesce((SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = 'gmbot_twin'), true) AS lost
"""
_IS_LOST = """
SELECT coalesce((SELECT wal_status = 'lost' FROM pg_replication_slots WHERE slot_name = 'gmbot_twin'), true)
"""
_END_SENDER = "SELECT pg_terminate_backend(active_pid, 5000) FROM pg_replication_slots WHERE slot_name = 'gmbot_twin'"
_MAKE_SLOT = "SELECT pg_create_logical_replication_slot('gmbot_twin', 'pgoutput')"
_DROP_SLOT = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = 'gmbot_twin'"
# Of our own tables only, whose names are in the script that is installed.
_CONTENT = """
SELECT count(*) AS rows,
       md5(coalesce(string_agg((to_jsonb(x) - $1::text[])::text, '|' ORDER BY {keys}), '')) AS checksum
FROM {table} x
"""
_TABLES = "SELECT name, key, own FROM gmbot_twin.tables ORDER BY place, name"

_Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two."""

    name: str
    """What it is called in front of people."""
    url: str
    reached_at: str
    """The URL by which the other server reaches it."""


class Twins:
    """Two databases."""

    def __init__(self, here: Side, there: Side) -> None:
        self._sides = (here, there)

    async def set_up(self) -> None:
        """Have both tell each other their changes, and what each holds already. Raises TwinError."""
        async with self._both() as connections:
            facts = [await _facts(connection) for connection in connections]
            _refuse_unfit(facts)
            script = _script("install.sql")
            for connection, each in zip(connections, facts, strict=True):
                async with connection.transaction():
                    await connection.execute(script)
                    await connection.execute("INSERT INTO gmbot_twin.node (name) VALUES ($1)", each["system"])
            try:
                for connection, other in zip(connections, reversed(self._sides), strict=True):
                    await connection.execute(
                        f"CREATE SUBSCRIPTION gmbot_twin CONNECTION '{_quoted(other.reached_at)}'"
                        " PUBLICATION gmbot_twin WITH (copy_data = false, origin = any)",
                        timeout=_QUESTION_SECONDS,
                    )
                await self._announce(connections)
            except BaseException:
                await self._single(connections)
                raise

    async def sync(self) -> None:
        """Have both tell everything once more, deletions too; the later change of each row stays."""
        async with self._both() as connections:
            await _refuse_single(connections)
            one, other = connections
            for sender, receiver in ((one, other), (other, one)):
                if await sender.fetchval(_IS_LOST):
                    await self._begin_anew(sender, receiver)
            await self._announce(connections)

    async def compare(self) -> tuple[SideState, SideState]:
        """Say how both stand. Raises TwinError where they are no twins."""
        async with self._both() as connections:
            await _refuse_single(connections)
            first, second = [
                await _state(side, connection) for side, connection in zip(self._sides, connections, strict=True)
            ]
            return first, second

    async def remove(self, *, here_only: bool = False) -> None:
        """Make both single again; each keeps what it holds."""
        if not here_only:
            async with self._both() as connections:
                await self._single(connections)
            return
        async with _connected(self._sides[0].url) as connection:
            await self._single([connection])

    async def _begin_anew(self, sender: _Connection, receiver: _Connection) -> None:
        """Make a slot in the place of one whose log the sender could not hold any longer."""
        await receiver.execute("ALTER SUBSCRIPTION gmbot_twin DISABLE")
        await sender.execute(_END_SENDER)
        await sender.execute(_DROP_SLOT)
        await sender.execute(_MAKE_SLOT, timeout=_QUESTION_SECONDS)
        await receiver.execute("ALTER SUBSCRIPTION gmbot_twin ENABLE")

    async def _announce(self, connections: Sequence[_Connection]) -> None:
        for connection, epoch in zip(connections, _EPOCHS, strict=True):
            await connection.execute(f"SELECT gmbot_twin.announce('{epoch}')", timeout=_QUESTION_SECONDS)

    async def _single(self, connections: Sequence[_Connection]) -> None:
        for connection in connections:
            if await connection.fetchval("SELECT 1 FROM pg_subscription WHERE subname = 'gmbot_twin'"):
                await connection.execute("ALTER SUBSCRIPTION gmbot_twin DISABLE")
                # The other side may be away, and drops its slot itself.
                await connection.execute("ALTER SUBSCRIPTION gmbot_twin SET (slot_name = NONE)")
                await connection.execute("DROP SUBSCRIPTION gmbot_twin")
        for connection in connections:
            await connection.execute(_END_SENDER)
            await connection.execute(_DROP_SLOT)
            async with connection.transaction():
                await connection.execute(_script("remove.sql"))

    @asynccontextmanager
    async def _both(self) -> AsyncIterator[list[_Connection]]:
        here, there = self._sides
        async with _connected(here.url) as one, _connected(there.url) as other:
            yield [one, other]


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[_Connection]:
    host = urlsplit(url).netloc.rpartition("@")[2]
    try:
        connection = await asyncpg.connect(url, timeout=_CONNECT_SECONDS, server_settings={"timezone": "UTC"})
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise StoreUnavailableError(f"PostgreSQL at {host} does not answer: {error}") from error
    try:
        yield connection
    except asyncpg.PostgresError as error:
        raise TwinError(f"PostgreSQL refuses: {error}") from error
    finally:
        connection.terminate()


async def _facts(connection: _Connection) -> asyncpg.Record:
    try:
        facts = await connection.fetchrow(_FACTS)
    except asyncpg.UndefinedTableError as error:
        raise TwinError("a database has no schema yet; run gmbot migrate with its DATABASE_URL") from error
    if facts is None:
        raise TwinError("a server tells nothing about itself")
    return facts


def _refuse_unfit(facts: Sequence[asyncpg.Record]) -> None:
    for each in facts:
        if each["version"] < _OLDEST:
            raise TwinError(f"PostgreSQL {each['version'] // 10000} is too old; both need 16 or newer")
        if each["wal_level"] != "logical":
            raise TwinError("both servers need wal_level = logical, and a restart after it is set")
        if not each["superuser"]:
            raise TwinError("the roles of both URLs have to be superusers: subscriptions and their triggers need it")
        if each["installed"]:
            raise TwinError("a database is a twin already; `gmbot twin remove` makes it single")
    one, other = facts
    if one["system"] == other["system"]:
        raise TwinError("both databases are on one server, and would be lost together")
    if one["revision"] != other["revision"]:
        raise TwinError(f"one schema is at {one['revision']}, the other at {other['revision']}; run gmbot migrate")


async def _refuse_single(connections: Sequence[_Connection]) -> None:
    for connection in connections:
        if not (await _facts(connection))["installed"]:
            raise TwinError("the databases are no twins; `gmbot twin setup` makes them")


async def _state(side: Side, connection: _Connection) -> SideState:
    row = await connection.fetchrow(_STATE, timeout=_QUESTION_SECONDS)
    if row is None:
        raise TwinError("a server tells nothing about itself")
    tables = {}
    for table in await connection.fetch(_TABLES):
        keys = ", ".join(f'x."{name}"' for name in table["key"])
        question = _CONTENT.format(keys=keys, table=f'public."{table["name"]}"')
        content = await connection.fetchrow(question, table["own"], timeout=_QUESTION_SECONDS)
        tables[table["name"]] = (0, "") if content is None else (content["rows"], content["checksum"])
    return SideState(name=side.name, tables=tables, **row)


def _script(name: str) -> str:
    return files("bot.core.twin").joinpath(name).read_text(encoding="utf-8")


def _quoted(value: str) -> str:
    return value.replace("'", "''")
