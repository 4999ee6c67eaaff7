"""One instance among many, chosen by locks that PostgreSQL keeps for as long as the instance's session lives."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg

from bot.core.clock import SystemClock
from bot.core.postgres.connecting import connect
from bot.domain.errors import StoreUnavailableError

_RETRY_SECONDS = 1.0
_ANSWER_SECONDS = 2.0
_CONNECT_SECONDS = 5.0
# The last one is what a connection says of itself when its server was killed in the middle of an answer.
_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_UNLOCK = "SELECT CASE WHEN pg_advisory_unlock($1, $2) THEN 1 END"

_Lock = tuple[int, int]


class Leadership:
    """Waits for turns. All locks of an instance share one connection of their own: if it breaks, every turn is over."""

    def __init__(self, *, database_url: str, clock: SystemClock) -> None:
        self._url = database_url
        self._clock = clock
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._talking = asyncio.Lock()
        self._held: set[_Lock] = set()
        # Whoever was cancelled while asking does not know whether the session has the lock: it is given back first.
        self._doubtful: set[_Lock] = set()

    @asynccontextmanager
    async def held(self, purpose: int, subject: int) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Wait until this instance holds the lock of this purpose (a 31-bit number) for this subject.

        Yields a check that raises StoreUnavailableError once the lock is lost.
        """
        # Locks take 32-bit keys; two bots that share one would only wait for each other.
        lock = (purpose, subject % 2**31)
        while (session := await self._try(lock)) is None:
            await self._clock.sleep(_RETRY_SECONDS)

        async def check() -> None:
            await self._ask("SELECT 1", on=session)

        try:
            yield check
        finally:
            await self._give_back(lock, session)

    def close(self) -> None:
        """End the connection, and every turn with it."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
        self._held.clear()
        self._doubtful.clear()

    async def _try(self, lock: _Lock) -> "asyncpg.Connection[asyncpg.Record] | None":
        """Take the lock if nobody has it. PostgreSQL would give it twice to one session, so that is seen to here."""
        if lock in self._held:
            return None
        self._held.add(lock)
        try:
            if await self._ask("SELECT pg_try_advisory_lock($1, $2)", *lock):
                return self._connection
        except BaseException:
            self._held.discard(lock)
            self._doubtful.add(lock)
            raise
        self._held.discard(lock)
        return None

    async def _give_back(self, lock: _Lock, session: "asyncpg.Connection[asyncpg.Record]") -> None:
        if session is not self._connection:
            return
        self._held.discard(lock)
        self._doubtful.add(lock)
        with suppress(StoreUnavailableError):
            await self._ask("SELECT 1", on=session)

    async def _ask(self, query: str, *values: int, on: "asyncpg.Connection[asyncpg.Record] | None" = None) -> object:
        """Ask on the shared connection. Raises StoreUnavailableError, also when it is not the one of `on` any more."""
        async with self._talking:
            if on is not None and on is not self._connection:
                raise StoreUnavailableError("the connection that held the lock is gone")
            try:
                connection = self._connection or await self._opened()
                for lock in tuple(self._doubtful):
                    await connection.fetchval(_UNLOCK, *lock, timeout=_ANSWER_SECONDS)
                    self._doubtful.discard(lock)
                return await connection.fetchval(query, *values, timeout=_ANSWER_SECONDS)
            except _AWAY as error:
                self.close()
                raise StoreUnavailableError(str(error) or type(error).__name__) from error

    async def _opened(self) -> "asyncpg.Connection[asyncpg.Record]":
        connection = await connect(self._url, seconds=_CONNECT_SECONDS, settings={"application_name": "gmbot lock"})
        self._connection = connection
        return connection
