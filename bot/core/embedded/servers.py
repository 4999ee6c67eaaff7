"""Both servers together, shared by all processes on one home."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import structlog

from bot.core.clock import SystemClock
from bot.core.embedded.binaries import find_binaries
from bot.core.embedded.errors import EmbeddedUnavailableError
from bot.core.embedded.home import OTHER_HOME, ServersHome
from bot.core.embedded.locking import FileLock
from bot.core.embedded.postgres import Postgres
from bot.core.embedded.valkey import Valkey
from bot.core.waiting import Clock, in_thread

Result = TypeVar("Result")


log = structlog.stdlib.get_logger()

_WATCH_SECONDS = 1.0


@dataclass(frozen=True, kw_only=True)
class EmbeddedServers:
    """Where the running servers answer, and a coroutine function that looks after them.

    `keep_running` never returns: it starts a server that died again, at the same address, within a second or two.
    """

    # The URLs carry passwords.
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    keep_running: Callable[[], Coroutine[object, object, None]] = field(repr=False, compare=False)


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
        await pair.join()
        database_url, redis_url = await pair.start()
        yield EmbeddedServers(database_url=database_url, redis_url=redis_url, keep_running=pair.keep_running)
    finally:
        await pair.leave()


async def stop_abandoned(home: Path, *, clock: Clock | None = None) -> bool:
    """Stop servers whose users were all killed; say whether nobody uses the home now."""
    pair = _Pair(home=home, durable=True, clock=clock or SystemClock())
    await pair.join()
    return await pair.leave()


class _Pair:
    """This process's share in the two servers of a home."""

    def __init__(self, *, home: Path, durable: bool, clock: Clock) -> None:
        self._home = ServersHome(home=home, clock=clock)
        self._durable = durable
        self._clock = clock
        self._membership: FileLock | None = None
        self._servers: tuple[Postgres | Valkey, ...] = ()

    async def join(self) -> None:
        """Register as a user."""
        try:
            account = await in_thread(self._home.prepare)
            async with self._home.locked():
                binaries = await in_thread(lambda: find_binaries(servers=self._home.root, account=account))
                self._servers = tuple(
                    server(
                        home=self._home,
                        account=account,
                        binaries=binaries,
                        durable=self._durable,
                        clock=self._clock,
                    )
                    for server in (Postgres, Valkey)
                )
                self._membership = self._home.users.join()
        except PermissionError as error:
            raise EmbeddedUnavailableError(
                f"this user may not use the home {self._home.root.parent}: {error.filename} is another user's",
                first=OTHER_HOME,
            ) from error

    async def start(self) -> list[str]:
        """Adopt or start the servers and return their URLs."""
        async with self._home.locked():
            return await _all(server.ensure_running() for server in self._servers)

    async def keep_running(self) -> None:
        """Look after the servers for ever."""
        while True:
            await self._clock.sleep(_WATCH_SECONDS)
            try:
                await self._revive()
            except EmbeddedUnavailableError:
                log.exception("embedded.restart_failed")

    async def leave(self) -> bool:
        """Deregister; the last user stops the servers. Say whether this was the last."""
        if self._membership is None:
            return False
        async with self._home.locked():
            last = self._home.users.leave(self._membership)
            if last:
                await _all(server.stop() for server in self._servers)
        return last

    async def _revive(self) -> None:
        # Under the lock, because asking takes the server's lock for a moment, which must not meet a start.
        async with self._home.locked():
            if not all(server.is_alive() for server in self._servers):
                log.warning("embedded.restart")
                await _all(server.ensure_running() for server in self._servers)


async def _all(steps: Iterable[Awaitable[Result]]) -> list[Result]:
    """Take steps together, all to their end even if one fails: nothing goes on after the lock."""
    results = []
    for outcome in await asyncio.gather(*steps, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results
