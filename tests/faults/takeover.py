"""How long the work of a killed instance lies still, by the database's clock and records."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import asyncpg

from bot.domain.heartbeat import DEAD_AFTER
from tests.kits.platform import Instance, Platform

_PULSE_SECONDS = 0.05
_GIVE_UP_SECONDS = 20.0
# The last is what a connection says that lost its server in the middle of something.
_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, asyncpg.InternalClientError)

_ALIVE = f"beat_at > now() - interval '{DEAD_AFTER.total_seconds()} seconds'"
_LIVING = f"SELECT instance_id FROM instances WHERE {_ALIVE}"  # noqa: S608 - of constants
_AT_WORK = """
SELECT lease_owner AS owner FROM restrictions WHERE closed_at IS NULL AND lease_until > now()
UNION SELECT owner FROM updates_done WHERE state = 'claimed' AND claimed_at > now() - interval '1 second'
"""
_CASES = "SELECT restriction_id FROM restrictions WHERE closed_at IS NULL AND lease_owner = $1 AND lease_until > now()"
_UPDATES = "SELECT update_id FROM updates_done WHERE state = 'claimed' AND owner = $1"
# Every instance goes by this when it asks who else is there.
_DEAD = f"SELECT $1 NOT IN ({_LIVING})"
_UNTOUCHED = """
SELECT (SELECT count(*) FROM restrictions WHERE restriction_id = ANY($2) AND lease_owner = $1 AND closed_at IS NULL)
     + (SELECT count(*) FROM updates_done WHERE update_id = ANY($3) AND owner = $1 AND state = 'claimed')
"""


@dataclass
class Takeovers:
    """What was measured, in seconds from the kill."""

    detected: list[float] = field(default_factory=list)
    """Until the dead instance counted as dead."""
    resumed: list[float] = field(default_factory=list)
    """Until another instance had taken up every case and update that the dead one had been at."""


class Coroner:
    """Knows which instance is which in the database, and watches what becomes of a dead one's work."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._ids: dict[int, UUID] = {}
        self._seen: set[UUID] = set()
        self.takeovers = Takeovers()

    async def register(self, instance: Instance) -> None:
        """Learn the id of the instance that has just been started. Without PostgreSQL it stays unknown."""
        deadline = _now() + _GIVE_UP_SECONDS
        while _now() < deadline:
            with suppress(*_AWAY):
                fresh = {row["instance_id"] for row in await self._platform.fetch(_LIVING)} - self._seen
                if fresh:
                    self._seen |= fresh
                    self._ids[instance.port] = fresh.pop()
                    return
            await asyncio.sleep(_PULSE_SECONDS)

    def buried(self, instance: Instance) -> UUID | None:
        """Strike off an instance that was killed; return what its id was."""
        return self._ids.pop(instance.port, None)

    async def busy(self, instances: Sequence[Instance], seconds: float) -> Instance | None:
        """Find an instance that is in the middle of something; None when there is none for so long."""
        ports, deadline = {found: port for port, found in self._ids.items()}, _now() + seconds
        with suppress(*_AWAY):
            while _now() < deadline:
                at_work = {ports.get(row["owner"]) for row in await self._platform.fetch(_AT_WORK)}
                for instance in instances:
                    if instance.port in at_work:
                        return instance
                await asyncio.sleep(_PULSE_SECONDS)
        return None

    async def watch(self, dead: UUID | None) -> None:
        """Measure from the kill, which was this moment, until the work goes on. An outage in between spoils it."""
        killed = _now()
        if dead is not None:
            with suppress(*_AWAY):
                async with asyncio.timeout(_GIVE_UP_SECONDS):
                    await self._watch(dead, killed)

    async def _watch(self, dead: UUID, killed: float) -> None:
        connection = await asyncpg.connect(self._platform.database_url)
        try:
            cases = [row["restriction_id"] for row in await connection.fetch(_CASES, dead)]
            updates = [row["update_id"] for row in await connection.fetch(_UPDATES, dead)]
            detected, resumed = False, not cases and not updates
            while not detected or not resumed:
                if not detected and await connection.fetchval(_DEAD, dead):
                    detected = True
                    self.takeovers.detected.append(round(_now() - killed, 2))
                if not resumed and not await connection.fetchval(_UNTOUCHED, dead, cases, updates):
                    resumed = True
                    self.takeovers.resumed.append(round(_now() - killed, 2))
                await asyncio.sleep(_PULSE_SECONDS)
        finally:
            await connection.close()


def _now() -> float:
    return asyncio.get_running_loop().time()
