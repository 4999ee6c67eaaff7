"""PostgreSQL: one pool, named statements, and one error for everything that means it did not answer."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TypeAlias

import asyncpg
import structlog

from bot.core.clock import SystemClock
from bot.core.postgres.connecting import Connector, unreachable
from bot.core.telemetry.traces import step
from bot.domain.errors import StoreUnavailableError

Record: TypeAlias = asyncpg.Record
_Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[Record]"
Value: TypeAlias = object

Observe = Callable[[str, float], None]
"""Hears of each statement: its name, and the seconds it took."""

# An instance answers an update within Telegram's 60 s; a statement that takes this long will not help it.
_STATEMENT_TIMEOUT_SECONDS = 5.0
_ACQUIRE_TIMEOUT_SECONDS = 5.0
_CLOSE_TIMEOUT_SECONDS = 2.0
_PROBE_PAUSE_SECONDS = 0.5
# While it is away, a probe in a tenth of the time that it has been away for: quick at first, and never a hailstorm.
_RETRY_SHARE = 0.1
_RETRY_SECONDS = (0.2, 1.0)
# A blip is not an outage, nor is a process that stood still itself: two probes in a row must have failed, and nothing
# been answered for this long.
_PROBES = 2
_SILENCE_SECONDS = 1.0
_PROBE_SECONDS = 1.5

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

log = structlog.stdlib.get_logger()


class _Timing:
    """Times a statement, and traces it. Not a generator: each statement comes by here, and would pay for it."""

    __slots__ = ("_clock", "_observe", "_started", "_statement", "_step")

    def __init__(self, statement: str, clock: SystemClock, observe: Observe) -> None:
        self._statement = statement
        self._clock = clock
        self._observe = observe
        self._step = step("postgresql", statement)

    def __enter__(self) -> None:
        self._started = self._clock.monotonic()
        self._step.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._step.__exit__(kind, error, trace)
        finally:
            self._observe(self._statement, self._clock.monotonic() - self._started)


class Session:
    """Statements on one connection. Inside a transaction all of them commit or none does."""

    def __init__(
        self, connection: _Connection, statements: Mapping[str, str], clock: SystemClock, observe: Observe
    ) -> None:
        self._connection = connection
        self._statements = statements
        self._clock = clock
        self._observe = observe

    async def rows(self, statement: str, *values: Value) -> list[Record]:
        """Run a named statement and return its rows."""
        with self._timing(statement):
            return await self._connection.fetch(self._statements[statement], *values)

    async def row(self, statement: str, *values: Value) -> Record | None:
        """Run a named statement and return its first row."""
        with self._timing(statement):
            return await self._connection.fetchrow(self._statements[statement], *values)

    async def execute(self, statement: str, *values: Value) -> int:
        """Run a named statement and return how many rows it touched."""
        with self._timing(statement):
            status = await self._connection.execute(self._statements[statement], *values)
        return int(status.rsplit(" ", 1)[-1])

    async def many(self, statement: str, values: list[tuple[Value, ...]]) -> None:
        """Run a named statement once for each tuple."""
        with self._timing(statement):
            await self._connection.executemany(self._statements[statement], values)

    def _timing(self, statement: str) -> _Timing:
        return _Timing(statement, self._clock, self._observe)


class _Held:
    """A connection for as long as the block lasts; what means that PostgreSQL is away becomes StoreUnavailableError.

    Not a generator: each statement comes by here, and would pay for it.
    """

    __slots__ = ("_answered", "_connection", "_connector", "_pool")

    def __init__(self, pool: "asyncpg.Pool[Record]", answered: Callable[[], None], connector: Connector) -> None:
        self._pool = pool
        self._answered = answered
        self._connector = connector

    async def __aenter__(self) -> _Connection:
        try:
            # The pool's own timeout would start a task each time.
            async with asyncio.timeout(_ACQUIRE_TIMEOUT_SECONDS):
                self._connection: _Connection = await self._pool.acquire()
        except _REFUSED as error:
            raise StoreUnavailableError(str(error) or type(error).__name__) from error
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, AttributeError) and self._is_broken():
            # asyncpg takes a connection apart that breaks, and whoever is in the middle of preparing a statement on it
            # finds nothing there.
            error = asyncpg.InterfaceError("the connection broke")
        if error is None:
            self._answered()
        elif isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            self._connector.give_up()
        elif isinstance(error, _GIVEN_UP):
            # To end this connection decently takes as long as the server likes, and whoever cancels, a probe or the
            # end of the instance, must not wait for a server that hangs.
            self._connection.terminate()
        try:
            await self._pool.release(self._connection, timeout=_ACQUIRE_TIMEOUT_SECONDS)
        except _AWAY as lost:
            error = error or lost
        if isinstance(error, _AWAY):
            raise StoreUnavailableError(str(error) or type(error).__name__) from error

    def _is_broken(self) -> bool:
        try:
            return self._connection.is_closed()
        except asyncpg.InterfaceError:
            return True


class Database:
    """Hands out sessions. Every failure to reach PostgreSQL becomes StoreUnavailableError.

    While `watch` finds it away, nobody waits for it: each call fails at once. Nor does anybody go on talking to a
    server that may not write any more: the primary is somewhere else, and the next connection looks for it.
    """

    def __init__(
        self,
        *,
        pool: "asyncpg.Pool[Record]",
        connector: Connector,
        statements: Mapping[str, str],
        clock: SystemClock,
        observe: Observe,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._pool = pool
        self._connector = connector
        self._uniform = uniform
        self._statements = statements
        self._clock = clock
        self._observe = observe
        self._answered_at = clock.monotonic()
        self._away = False
        self._failures = 0

    def connections(self) -> tuple[int, int]:
        """Return how many connections are in use, and how many idle."""
        idle = self._pool.get_idle_size()
        return self._pool.get_size() - idle, idle

    @property
    def away(self) -> bool:
        """Whether PostgreSQL has been found not to answer."""
        return self._away

    async def watch(self) -> None:
        """Ask PostgreSQL whether it answers until cancelled."""
        while True:
            await self._probe()
            await self._clock.sleep(self._pause())

    def _pause(self) -> float:
        if not self._away:
            return _PROBE_PAUSE_SECONDS
        least, most = _RETRY_SECONDS
        share = _RETRY_SHARE * (self._clock.monotonic() - self._answered_at)
        # Instances that lost it at the same moment do not come back at the same moment.
        return min(max(least, share), most) * self._uniform(0.8, 1.2)

    async def _probe(self) -> None:
        try:
            # To come back takes a new connection, and a slow server some seconds for that.
            async with asyncio.timeout(_ACQUIRE_TIMEOUT_SECONDS if self._away else _PROBE_SECONDS):
                async with _Held(self._pool, self._answered, self._connector) as connection:
                    _refuse_read_only(await connection.fetchrow(self._statements["ping"]))
        except (StoreUnavailableError, TimeoutError) as error:
            self._failures += 1
            silent = self._clock.monotonic() - self._answered_at > _SILENCE_SECONDS
            if not self._away and silent and self._failures >= _PROBES:
                self._away = True
                # Whoever still waits for an answer on one of these waits for nothing.
                self._connector.give_up()
                log.warning("database.away", error=str(error) or type(error).__name__)
            return
        self._failures = 0
        if self._away:
            self._away = False
            log.warning("database.back")

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Open a session in which each statement commits by itself."""
        async with self._held() as connection:
            yield self._session(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """Open a session that commits at the end, or not at all.

        StoreUnavailableError at the end leaves open whether it committed.
        """
        async with self._held() as connection, _transaction(connection):
            yield self._session(connection)

    def _session(self, connection: _Connection) -> Session:
        return Session(connection, self._statements, self._clock, self._observe)

    def _held(self) -> "_Held":
        if self._away:
            raise StoreUnavailableError("PostgreSQL did not answer a moment ago")
        return _Held(self._pool, self._answered, self._connector)

    def _answered(self) -> None:
        self._answered_at = self._clock.monotonic()

    async def rows(self, statement: str, *values: Value) -> list[Record]:
        """Run one named statement and return its rows."""
        async with self._held() as connection:
            return await self._session(connection).rows(statement, *values)

    async def row(self, statement: str, *values: Value) -> Record | None:
        """Run one named statement and return its first row."""
        async with self._held() as connection:
            return await self._session(connection).row(statement, *values)

    async def execute(self, statement: str, *values: Value) -> int:
        """Run one named statement and return how many rows it touched."""
        async with self._held() as connection:
            return await self._session(connection).execute(statement, *values)

    async def check(self) -> None:
        """Raise StoreUnavailableError when PostgreSQL does not answer, or takes no changes."""
        async with self.session() as session:
            _refuse_read_only(await session.row("ping"))


@asynccontextmanager
async def open_database(
    url: str, *, pool_size: int, statements: Mapping[str, str], observe: Observe = lambda *_: None
) -> AsyncIterator[Database]:
    """Open the pool; `observe` hears of each statement. Raises StoreUnavailableError without PostgreSQL."""
    connector = Connector(url, seconds=_ACQUIRE_TIMEOUT_SECONDS, command_timeout=_STATEMENT_TIMEOUT_SECONDS)
    try:
        pool = await asyncpg.create_pool(
            url,
            # The pool complains loudly of each connection that it cannot open in advance; whoever needs one opens it.
            min_size=0,
            max_size=pool_size,
            connect=connector,
            init=_prepare,
            reset=_leave_as_is,
        )
        async with pool.acquire():
            pass
    except _REFUSED as error:
        raise unreachable(url, error) from error
    try:
        yield Database(
            pool=pool,
            connector=connector,
            statements=statements,
            clock=SystemClock(),
            observe=observe,
        )
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


def _refuse_read_only(row: Record | None) -> None:
    if row is not None and row["read_only"]:
        raise asyncpg.ReadOnlySQLTransactionError("this PostgreSQL takes no changes: the primary is another one")


async def _prepare(connection: "asyncpg.Connection[Record] | _Connection") -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def _leave_as_is(connection: "asyncpg.Connection[Record] | _Connection") -> None:
    """Spare each statement a second round trip: no session here listens, locks, opens cursors or sets anything."""
