"""A place for restored data: a home that nobody uses, with its present data put aside when that is wanted."""

import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.core.embedded.account import Account
from bot.core.embedded.binaries import Binaries, find_binaries
from bot.core.embedded.home import ServersHome
from bot.core.embedded.process import Daemon
from bot.core.waiting import Clock, in_thread
from bot.domain.errors import LiveTargetError


@dataclass(frozen=True, slots=True)
class Vacancy:
    """Where to put data that is to become a home's."""

    draft: Path
    """Does not exist yet; what is there at the end becomes the home's."""
    account: Account
    binaries: Binaries
    password: str
    """What the home's own role logs in with."""


@asynccontextmanager
async def vacancy(home: Path, *, put_aside: bool, clock: Clock) -> AsyncIterator[Vacancy]:
    """Hold a home alone and take in what the block puts there; nothing changes when the block fails.

    Raises LiveTargetError when the home is in use, or when it holds data and `put_aside` does not allow to move it.
    """
    servers = ServersHome(home=home, clock=clock)
    account = await in_thread(servers.prepare)
    async with servers.locked():
        directory = servers.directory("postgres", account)
        daemon = Daemon(name="PostgreSQL", directory=directory, account=account, clock=clock)
        data = directory / "data"
        if servers.users.anybody() or daemon.is_alive():
            raise LiveTargetError(f"the servers in {home} are running; stop the instances that use them first")
        if data.exists() and not put_aside:
            raise LiveTargetError(f"{home} holds data; --replace puts it aside, or choose another GMBOT_HOME")
        binaries = await in_thread(lambda: find_binaries(servers=servers.root, account=account))
        draft = directory / f"draft.{secrets.token_hex(4)}"
        try:
            yield Vacancy(draft, account, binaries, servers.secret("postgres"))
            if data.exists():
                data.replace(directory / f"data.before-{secrets.token_hex(4)}")
            draft.replace(data)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
