"""What is wrong with a database, by what PostgreSQL itself counts. Nothing is changed, and no table is read."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from bot.utils.optimizer.connecting import Connection, catalog

_MANY_ROWS = 10_000
# A table of a few pages is read from end to end, whatever indexes it has.
_SMALL_BYTES = 65_536
_BLOATED = 0.2
_STALE = 0.2
_COLD = 0.9
_OLD_TRANSACTION_SECONDS = 300
_CROWDED = 0.8
_WRAPAROUND = 1_500_000_000


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing to look at, and what to do about it."""

    what: str
    remedy: str
    is_grave: bool = False


@dataclass(frozen=True, slots=True)
class IndexUse:
    """One index, with those of its partitions."""

    name: str
    scans: int
    size: int
    is_rule: bool
    """It keeps rows unique, so it is of use without being read."""


@dataclass(frozen=True, slots=True)
class Health:
    """The state of a database."""

    server: Mapping[str, object]
    tables: Sequence[Mapping[str, object]]
    indexes: Sequence[IndexUse]
    bytes_per_event: float | None
    troubles: Sequence[Trouble]

    @property
    def unused(self) -> tuple[str, ...]:
        """Indexes that nobody has read since the statistics began, that keep nothing unique, and that take room."""
        return tuple(
            index.name for index in self.indexes if not index.scans and not index.is_rule and index.size > _SMALL_BYTES
        )

    @property
    def is_healthy(self) -> bool:
        """Nothing grave was found."""
        return not any(trouble.is_grave for trouble in self.troubles)


async def health(connection: Connection) -> Health:
    """Look at a database."""
    server = await connection.fetchrow(catalog("server"))
    if server is None:
        raise LookupError("the server says nothing of itself")
    tables = await connection.fetch(catalog("table_sizes"))
    state = await connection.fetch(catalog("table_health"))
    indexes = _by_index(await connection.fetch(catalog("index_usage")))
    troubles = [
        *_of_server(server),
        *(trouble for row in state for trouble in _of_table(row)),
        *await _of_indexes(connection),
    ]
    event = await connection.fetchrow(catalog("event_bytes"))
    each = None if event is None or event["heap"] is None else event["heap"] + event["indexes"]
    return Health(dict(server), [dict(row) for row in tables], indexes, each, troubles)


def _by_index(rows: Sequence[asyncpg.Record]) -> list[IndexUse]:
    found: dict[str, list[asyncpg.Record]] = defaultdict(list)
    for row in rows:
        found[row["name"]].append(row)
    return [
        IndexUse(
            name,
            sum(row["scans"] for row in parts),
            sum(row["bytes"] for row in parts),
            any(row["is_rule"] for row in parts),
        )
        for name, parts in sorted(found.items())
    ]


def _of_server(server: asyncpg.Record) -> list[Trouble]:
    found: list[Trouble] = []
    if server["autovacuum"] != "on":
        found.append(Trouble("autovacuum is off", "ALTER SYSTEM SET autovacuum = on", is_grave=True))
    if server["connections"] > server["max_connections"] * _CROWDED:
        remedy = "lower DB_POOL_SIZE, or raise max_connections"
        found.append(Trouble(f"{server['connections']} of {server['max_connections']} connections", remedy))
    if server["idle_in_transaction"]:
        found.append(Trouble("sessions are idle inside a transaction", "end them: they keep VACUUM from its work"))
    if (server["oldest_transaction_seconds"] or 0) > _OLD_TRANSACTION_SECONDS:
        found.append(Trouble("a transaction is minutes old", "end it: it keeps VACUUM from its work"))
    if server["hit_rate"] is not None and server["hit_rate"] < _COLD:
        found.append(Trouble(f"{server['hit_rate']:.0%} of blocks were in memory", "raise shared_buffers"))
    if server["age"] > _WRAPAROUND:
        found.append(Trouble("transaction numbers run out", "VACUUM (FREEZE)", is_grave=True))
    return found


def _of_table(row: asyncpg.Record) -> list[Trouble]:
    table, live = row["table_name"], max(row["live"], 1)
    if live < _MANY_ROWS:
        return []
    found: list[Trouble] = []
    if row["dead"] > live * _BLOATED:
        found.append(Trouble(f"{row['dead'] / live:.0%} of {table} is dead rows", f"VACUUM (ANALYZE) {table}"))
    if row["analyzed_at"] is None or row["changed"] > live * _STALE:
        found.append(Trouble(f"the statistics of {table} are out of date", f"ANALYZE {table}"))
    return found


async def _of_indexes(connection: Connection) -> list[Trouble]:
    found = [
        Trouble(f"index {row['name']} is invalid", f"REINDEX INDEX CONCURRENTLY {row['name']}", is_grave=True)
        for row in await connection.fetch(catalog("invalid_indexes"))
    ]
    found.extend(
        Trouble(f"index {row['name']} does what {row['other']} does", f"DROP INDEX CONCURRENTLY {row['name']}")
        for row in await connection.fetch(catalog("duplicate_indexes"))
    )
    return found
