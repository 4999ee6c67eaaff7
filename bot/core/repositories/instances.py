"""Instances, as rows of PostgreSQL."""

import asyncio
import socket
from uuid import uuid4

from bot.core.postgres.database import Database
from bot.domain.errors import StoreUnavailableError
from bot.domain.heartbeat import DEAD_AFTER
from bot.domain.ids import InstanceId

_LEAVE_SECONDS = 1.0


class Heartbeat:
    """Tells the other instances that this one lives, and hears of them."""

    def __init__(self, *, database: Database, version: str) -> None:
        self._database = database
        self._version = version
        self._instance = InstanceId(uuid4())
        self._live = 1

    @property
    def instance_id(self) -> InstanceId:
        """A new one for each process: after a restart the old one's claims are free."""
        return self._instance

    async def beat(self) -> None:
        """Say that this instance lives, and count those that do."""
        row = await self._database.row("beat", self._instance, socket.gethostname(), self._version, DEAD_AFTER)
        self._live = 1 if row is None else 1 + int(row["others"])

    def live(self) -> int:
        """Return how many instances lived at the last beat, this one among them."""
        return self._live

    async def leave(self) -> None:
        """Say that this instance ends; its claims are free at once. A second is all that the end waits for it."""
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._database.execute("leave", self._instance)
        except TimeoutError as error:
            raise StoreUnavailableError("no answer at the end") from error

    async def forget(self) -> None:
        """Drop instances that died a day ago."""
        await self._database.execute("forget_instances")
