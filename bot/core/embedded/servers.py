"""Both servers together, shared by all processes on one home."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bot.core.clock import SystemClock
from bot.core.embedded.binaries import find_binaries
from bot.core.embedded.errors import EmbeddedUnavailableError
from bot.core.embedded.home import ServersHome
from bot.core.embedded.locking import FileLock
from bot.core.embedded.postgres import Postgres
from bot.core.embedded.valkey import Valkey
from bot.core.embedded.waiting import Clock, in_thread

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class EmbeddedServers:
    """Where the running servers answer. The URLs carry passwords."""

    database_url: str
    redis_url: str


@asynccontextmanager
async def embedded_servers(
    *, home: Path, durable: bool = True, clock: Clock | None = None
) -> AsyncIterator[EmbeddedServers]:
    """Run PostgreSQL and Valkey below `home` while inside; the last process to leave stops them.

    Servers that outlived a killed process are adopted. `durable=False` trades the data's safety for speed.
    Raises EmbeddedUnavailableError when they cannot run here.
    """
    pair = _Pair(home=home, durable=durable, clock=clock or SystemClock())
    try:
        yield await pair.join()
    finally:
        await pair.leave()


class _Pair:
    """This process's share in the two servers of a home."""

    def __init__(self, *, home: Path, durable: bool, clock: Clock) -> None:
        self._home = ServersHome(home=home, clock=clock)
        self._durable = durable
        self._clock = clock
        self._membership: FileLock | None = None
        self._servers: tuple[Postgres, Valkey] | None = None

    async def join(self) -> EmbeddedServers:
        """Register as a user and adopt or start the servers."""
        try:
            account = await in_thread(self._home.prepare)
            async with self._home.locked():
                binaries = await in_thread(lambda: find_binaries(servers=self._home.root, account=account))
                self._membership = self._home.users.join()
                postgres = Postgres(
                    home=self._home,
                    account=account,
                    binaries=binaries,
                    durable=self._durable,
                    clock=self._clock,
                )
                valkey = Valkey(
                    home=self._home,
                    account=account,
                    binaries=binaries,
                    durable=self._durable,
                    clock=self._clock,
                )
                self._servers = (postgres, valkey)
                database_url, redis_url = await _both(postgres.ensure_running(), valkey.ensure_running())
        except PermissionError as error:
            raise EmbeddedUnavailableError(f"this user may not use {error.filename}") from error
        return EmbeddedServers(database_url=database_url, redis_url=redis_url)

    async def leave(self) -> None:
        """Deregister; the last user stops the servers."""
        if self._membership is None:
            return
        async with self._home.locked():
            last = self._home.users.leave(self._membership)
            if last and self._servers is not None:
                postgres, valkey = self._servers
                await _both(postgres.stop(), valkey.stop())


async def _both(*steps: Awaitable[Result]) -> list[Result]:
    """Take steps together, all to their end even if one fails: nothing goes on after the lock."""
    results = []
    for outcome in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results
