"""Warms at certain times, one instance at a time."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from bot.domain.errors import StoreUnavailableError
from bot.domain.schedule import Schedule
from bot.services.membership.warmer import Warmer
from bot.services.ports.runtime import Clock, Leader, StillMine

_PURPOSE = 0x67_77_72_6D  # "gwrm"
_CHECK_SECONDS = 60.0
_RETRY_SECONDS = 5.0
# Each bot has a budget of its own; this bounds what one instance does at a time.
_BOTS_AT_ONCE = 10

log = structlog.stdlib.get_logger()


class WarmSchedule:
    """Starts a round for every bot when it is time. An interrupted round is taken up by the next leader."""

    def __init__(
        self, *, schedule: Schedule, warmers: Callable[[], Sequence[Warmer]], leader: Leader, clock: Clock
    ) -> None:
        self._schedule = schedule
        self._warmers = warmers
        self._leader = leader
        self._clock = clock

    async def run(self) -> None:
        """Warm on schedule whenever this instance is the leader, until cancelled."""
        while True:
            try:
                async with self._leader.held(_PURPOSE, 0) as still_mine:
                    await self._warm([warmer for warmer in self._warmers() if await warmer.interrupted()], still_mine)
                    while True:
                        await self._until_due(still_mine)
                        await self._warm(self._warmers(), still_mine)
            except StoreUnavailableError as error:
                log.warning("warming.interrupted", error=str(error))
            await self._clock.sleep(_RETRY_SECONDS)

    async def _until_due(self, still_mine: StillMine) -> None:
        due = self._schedule.next_after(self._clock.now())
        while (left := (due - self._clock.now()).total_seconds()) > 0:
            await self._clock.sleep(min(left, _CHECK_SECONDS))
            await still_mine()

    async def _warm(self, warmers: Sequence[Warmer], still_mine: StillMine) -> None:
        places = asyncio.Semaphore(_BOTS_AT_ONCE)

        async def warm(warmer: Warmer) -> None:
            async with places:
                await warmer.all_groups(still_mine=still_mine)

        try:
            async with asyncio.TaskGroup() as tasks:
                for warmer in warmers:
                    tasks.create_task(warm(warmer))
        except* StoreUnavailableError as errors:
            raise StoreUnavailableError(str(errors.exceptions[0])) from errors
