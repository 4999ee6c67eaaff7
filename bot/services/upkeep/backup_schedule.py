"""Makes backups at certain times and keeps the log between them, one instance at a time."""

import asyncio
from datetime import datetime

import structlog

from bot.domain.backup import Backup, Why
from bot.domain.errors import BackupError, StoreUnavailableError
from bot.domain.schedule import Schedule
from bot.services.ports.runtime import Clock, Leader, StillMine
from bot.services.ports.upkeep import Backups

_PURPOSE = 0x67_62_61_6B  # "gbak"
_LOOK_SECONDS = 1.0
_CHECK_SECONDS = 5.0
_AGAIN_SECONDS = 60.0
_LOG_AGAIN_SECONDS = 5.0
_REFRESH_SECONDS = 60.0

log = structlog.stdlib.get_logger()


class BackupSchedule:
    """Backs up whenever this instance is the leader. What was missed while no instance ran is made up for at once."""

    def __init__(self, *, schedule: Schedule, backups: Backups, leader: Leader, clock: Clock) -> None:
        self._schedule = schedule
        self._backups = backups
        self._leader = leader
        self._clock = clock
        self._newest: Backup | None = None
        self._began_at = clock.now()

    @property
    def newest(self) -> Backup | None:
        """Return the newest backup, as this instance knows it."""
        return self._newest

    @property
    def due_at(self) -> datetime:
        """Return when the next backup is to be made, or should have been."""
        return self._began_at if self._newest is None else self._schedule.next_after(self._newest.ended_at)

    async def run(self) -> None:
        """Lead whenever it is this instance's turn, until cancelled."""
        while True:
            try:
                async with self._leader.held(_PURPOSE, 0) as still_mine, asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._keep_log())
                    tasks.create_task(self._make_when_due(still_mine))
            except* StoreUnavailableError as errors:
                log.warning("backup.interrupted", error=str(errors.exceptions[0]))
            await self._clock.sleep(_LOG_AGAIN_SECONDS)

    async def watch(self) -> None:
        """Know the newest backup, whichever instance made it, until cancelled."""
        while True:
            await self._refresh()
            await self._clock.sleep(_REFRESH_SECONDS)

    async def _make_when_due(self, still_mine: StillMine) -> None:
        while True:
            await self._refresh()
            await self._until_due(still_mine)
            try:
                self._newest = await self._backups.create(Why.SCHEDULE)
            except (BackupError, StoreUnavailableError) as error:
                log.error("backup.failed", error=str(error))  # noqa: TRY400 - the error says it all
                await self._clock.sleep(_AGAIN_SECONDS)
                await still_mine()

    async def _until_due(self, still_mine: StillMine) -> None:
        checked_at = self._clock.monotonic()
        while self._clock.now() < self.due_at and not self._backups.take_gap():
            await self._clock.sleep(_LOOK_SECONDS)
            if self._clock.monotonic() - checked_at >= _CHECK_SECONDS:
                await still_mine()
                checked_at = self._clock.monotonic()

    async def _keep_log(self) -> None:
        while True:
            try:
                await self._backups.keep_log()
            except (BackupError, StoreUnavailableError) as error:
                log.warning("backup.log_interrupted", error=str(error))
            await self._clock.sleep(_LOG_AGAIN_SECONDS)

    async def _refresh(self) -> None:
        try:
            self._newest = await self._backups.newest()
        except BackupError as error:
            log.warning("backup.unknown", error=str(error))
