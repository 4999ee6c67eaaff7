"""Both servers together, shared by all processes on one home."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.core.clock import SystemClock
from bot.core.embedded.binaries import find_binaries
from bot.core.embedded.home import ServersHome
from bot.core.embedded.postgres import Postgres
from bot.core.embedded.valkey import Valkey
from bot.core.embedded.waiting import Clock, in_thread


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
    clock = clock or SystemClock()
    shared = ServersHome(home=home, clock=clock)
    account = await in_thread(shared.prepare)
    async with shared.locked():
        binaries = await in_thread(lambda: find_binaries(servers=shared.root, account=account))
        postgres = Postgres(home=shared, account=account, binaries=binaries, durable=durable, clock=clock)
        valkey = Valkey(home=shared, account=account, binaries=binaries, durable=durable, clock=clock)
        membership = shared.users.join()
    try:
        async with shared.locked():
            servers = await _start(postgres, valkey)
        yield servers
    finally:
        async with shared.locked():
            if shared.users.leave(membership):
                await asyncio.gather(postgres.stop(), valkey.stop())


async def _start(postgres: Postgres, valkey: Valkey) -> EmbeddedServers:
    # Both are waited for even if one fails, so that nothing starts after the lock is given back.
    urls = await asyncio.gather(postgres.ensure_running(), valkey.ensure_running(), return_exceptions=True)
    for url in urls:
        if isinstance(url, BaseException):
            raise url
    database_url, redis_url = (str(url) for url in urls)
    return EmbeddedServers(database_url=database_url, redis_url=redis_url)
