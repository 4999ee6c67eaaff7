"""PostgreSQL: one pool, named statements, and one error for everything that means it did not answer."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeAlias

import asyncpg

from bot.domain.errors import StoreUnavailableError

Record: TypeAlias = asyncpg.Record
_Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[Record]"
Value: TypeAlias = object

# An instance answers an update within Telegram's 60 s; a statement that takes this long will not help it.
_STATEMENT_TIMEOUT_SECONDS = 5.0
_ACQUIRE_TIMEOUT_SECONDS = 5.0
_CLOSE_TIMEOUT_SECONDS = 2.0

_AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    # What a connection says of itself when its server was killed in the middle of an answer.
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    # A primary that has become a standby: the new one is somewhere else.
    asyncpg.ReadOnlySQLTransactionError,
    # Undone, as one of two transactions that waited for each other: the next try finds the way free.
    asyncpg.TransactionRollbackError,
)
_GIVEN_UP = (TimeoutError, asyncio.CancelledError)
# Who is not even let in cannot have been at fault: the database is being restored, moved, or has a new password.
_REFUSED = (*_AWAY, asyncpg.PostgresError)


class Session:
    """Statements on one connection. Inside a transaction all of them commit or none does."""

    def __init__(self, connection: _Connection, statements: Mapping[str, str]) -> None:
        self._connection = connection
        self._statements = statements

    async def rows(self, statement: str, *values: Value) -> list[Record]:
        """Run a named statement and return its rows."""
        return await self._connection.fetch(self._statements[statement], *values)

    async def row(self, statement: str, *values: Value) -> Record | None:
        """Run a named statement and return its first row."""
        return await self._connection.fetchrow(self._statements[statement], *values)

    async def execute(self, statement: str, *values: Value) -> int:
        """Run a named statement and return how many rows it touched."""
        status = await self._connection.execute(self._statements[statement], *values)
        return int(status.rsplit(" ", 1)[-1])

    async def many(self, statement: str, values: list[tuple[Value, ...]]) -> None:
        """Run a named statement once for each tuple."""
        await self._connection.executemany(self._statements[statement], values)


class Database:
    """Hands out sessions. Every failure to reach PostgreSQL becomes StoreUnavailableError."""

    def __init__(self, pool: "asyncpg.Pool[Record]", statements: Mapping[str, str]) -> None:
        self._pool = pool
        self._statements = statements

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Open a session in which each statement commits by itself."""
        try:
            async with self._acquired() as connection:
                yield Session(connection, self._statements)
        except _AWAY as error:
            raise StoreUnavailableError(str(error) or type(error).__name__) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Open a session that commits at the end, or not at all.

        StoreUnavailableError at the end leaves open whether it committed.
        """
        try:
            async with self._acquired() as connection, _transaction(connection):
                yield Session(connection, self._statements)
        except _AWAY as error:
            raise StoreUnavailableError(str(error) or type(error).__name__) from error

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[_Connection]:
        try:
            connection = await self._pool.acquire(timeout=_ACQUIRE_TIMEOUT_SECONDS)
        except _REFUSED as error:
            raise StoreUnavailableError(str(error) or type(error).__name__) from error
        try:
            yield connection
        except _GIVEN_UP:
            # To end this connection decently takes as long as the server likes, and whoever cancels, a probe or the
            # end of the instance, must not wait for a server that hangs.
            connection.terminate()
            raise
        finally:
            await self._pool.release(connection)

    async def rows(self, statement: str, *values: Value) -> list[Record]:
        """Run one named statement and return its rows."""
        async with self.session() as session:
            return await session.rows(statement, *values)

    async def row(self, statement: str, *values: Value) -> Record | None:
        """Run one named statement and return its first row."""
        async with self.session() as session:
            return await session.row(statement, *values)

    async def execute(self, statement: str, *values: Value) -> int:
        """Run one named statement and return how many rows it touched."""
        async with self.session() as session:
            return await session.execute(statement, *values)

    async def check(self) -> None:
        """Raise StoreUnavailableError when PostgreSQL does not answer."""
        await self.row("ping")


@asynccontextmanager
async def open_database(url: str, *, pool_size: int, statements: Mapping[str, str]) -> AsyncIterator[Database]:
    """Open the pool. Raises StoreUnavailableError when PostgreSQL cannot be reached."""
    try:
        pool = await asyncpg.create_pool(
            url,
            min_size=min(2, pool_size),
            max_size=pool_size,
            command_timeout=_STATEMENT_TIMEOUT_SECONDS,
            timeout=_ACQUIRE_TIMEOUT_SECONDS,
            init=_prepare,
            reset=_leave_as_is,
            server_settings={"application_name": "gmbot"},
        )
    except _REFUSED as error:
        raise StoreUnavailableError(str(error) or type(error).__name__) from error
    try:
        yield Database(pool, statements)
    finally:
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
                await pool.close()
        except _AWAY:
            pool.terminate()


@asynccontextmanager
async def _transaction(connection: _Connection) -> AsyncIterator[None]:
    """Commit at the end. What was given up is rolled back by the server, when it finds the connection broken."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        yield
    except _GIVEN_UP:
        raise
    except BaseException:
        await transaction.rollback()
        raise
    else:
        await transaction.commit()


async def _prepare(connection: "asyncpg.Connection[Record] | _Connection") -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def _leave_as_is(connection: "asyncpg.Connection[Record] | _Connection") -> None:
    """Spare each statement a second round trip: no session here listens, locks, opens cursors or sets anything."""
