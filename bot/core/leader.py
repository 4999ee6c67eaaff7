"""One instance among many, chosen by a lock that PostgreSQL keeps for as long as the instance's session lives."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

from bot.core.clock import SystemClock
from bot.domain.errors import StoreUnavailableError

_RETRY_SECONDS = 1.0


class Leadership:
    """Waits for its turn. The lock has a connection of its own: if that breaks, the turn is over."""

    def __init__(self, *, database_url: str, clock: SystemClock) -> None:
        self._url = database_url
        self._clock = clock

    @asynccontextmanager
    async def held(self, purpose: int, subject: int) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        """Wait until this instance holds the lock of this purpose (a 31-bit number) for this subject.

        Yields a check that raises StoreUnavailableError once the lock is lost.
        """
        # Locks take 32-bit keys; two bots that share one would only wait for each other.
        key = subject % 2**31
        try:
            connection = await asyncpg.connect(self._url, timeout=5, server_settings={"application_name": "gmbot lock"})
        except (OSError, TimeoutError, asyncpg.PostgresError) as error:
            raise StoreUnavailableError(str(error)) from error

        async def check() -> None:
            try:
                await connection.fetchval("SELECT 1", timeout=2)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise StoreUnavailableError(str(error)) from error

        try:
            while not await self._try(connection, purpose, key):
                await self._clock.sleep(_RETRY_SECONDS)
            yield check
        finally:
            connection.terminate()

    async def _try(self, connection: "asyncpg.Connection[asyncpg.Record]", purpose: int, key: int) -> bool:
        try:
            return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", purpose, key, timeout=5))
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise StoreUnavailableError(str(error)) from error
