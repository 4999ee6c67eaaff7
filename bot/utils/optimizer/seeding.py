"""Fills an empty database by COPY: without its indexes, which are built when the rows are there."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from bot.domain.errors import BotError
from bot.utils.optimizer.connecting import Connection, catalog, connected
from bot.utils.optimizer.rows import COLUMNS, Row, Rows
from bot.utils.optimizer.scale import Scale

Progress = Callable[[str, int], None]
"""Hears the name of a table and how many rows have been copied."""

_BATCH = 50_000


class NotEmptyError(BotError):
    """The database holds bots; nothing is ever seeded among somebody's data."""


@dataclass(frozen=True, slots=True)
class Index:
    """An index that belongs to no constraint, and how to make it again."""

    name: str
    definition: str


async def seed(database_url: str, scale: Scale, *, progress: Progress) -> None:
    """Fill a migrated, empty database. Raises NotEmptyError."""
    async with connected(database_url) as connection:
        await refuse_data(connection)
        indexes = await drop_indexes(connection)
        await copy_rows(connection, scale, progress=progress)
        await make_indexes(connection, indexes)
    # A session reports its changes when it ends; reported after ANALYZE, they would count as changed since.
    async with connected(database_url) as connection:
        await connection.execute("VACUUM (ANALYZE)")


async def refuse_data(connection: Connection) -> None:
    """Raise NotEmptyError unless the database has no bot."""
    if await connection.fetchval("SELECT EXISTS (SELECT FROM bots)"):
        raise NotEmptyError("the database holds bots already; seed an empty one")


async def drop_indexes(connection: Connection) -> Sequence[Index]:
    """Drop every index that no constraint needs, and return how to make them again."""
    indexes = [Index(row["name"], row["definition"]) for row in await connection.fetch(catalog("free_indexes"))]
    for index in indexes:
        await connection.execute(f"DROP INDEX {index.name}")
    return indexes


async def make_indexes(connection: Connection, indexes: Sequence[Index]) -> None:
    """Make indexes that were dropped."""
    await connection.execute("SET maintenance_work_mem = '512MB'")
    for index in indexes:
        await connection.execute(index.definition, timeout=1_800)


async def copy_rows(connection: Connection, scale: Scale, *, progress: Progress) -> None:
    """Copy all rows."""
    now = await connection.fetchval("SELECT now()")
    past = now - timedelta(days=scale.days)
    await connection.execute("SELECT make_event_partitions($1, $2)", past, scale.days // 7 + 1)
    for table, count, rows in Rows(scale, now).tables():
        progress(table, 0)
        await _copy(connection, table, _counted(rows, table, count, progress))
    await connection.execute("UPDATE config_counter SET seq = $1", scale.groups)


async def _copy(connection: Connection, table: str, rows: Iterator[Row]) -> None:
    try:
        await connection.copy_records_to_table(table, records=rows, columns=COLUMNS[table], timeout=3_600)
    except asyncpg.UndefinedTableError as error:
        raise NotEmptyError(f"there is no table {table}; run `gmbot migrate` first") from error


def _counted(rows: Iterator[Row], table: str, count: int, progress: Progress) -> Iterator[Row]:
    for number, row in enumerate(rows):
        if number % _BATCH == 0:
            progress(table, number)
        yield row
    progress(table, count)
