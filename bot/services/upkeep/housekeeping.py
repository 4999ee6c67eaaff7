"""What an instance does for all of them, quietly: it says that it lives, and sweeps up what is too old."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from bot.domain.errors import StoreUnavailableError
from bot.domain.heartbeat import BEAT
from bot.services.ports.runtime import Clock
from bot.services.ports.upkeep import Instances

_SWEEP_SECONDS = 600.0

log = structlog.stdlib.get_logger()


class Housekeeping:
    """Beats; another instance takes over what one had claimed that has been silent for too long."""

    def __init__(self, *, instances: Instances, chores: Sequence[Callable[[], Awaitable[None]]], clock: Clock) -> None:
        self._instances = instances
        self._chores = chores
        self._clock = clock

    async def beat(self) -> None:
        """Beat until cancelled."""
        while True:
            try:
                await self._instances.beat()
            except StoreUnavailableError:
                log.warning("instance.beat_failed")
            await self._clock.sleep(BEAT.total_seconds())

    async def sweep(self) -> None:
        """Do the chores every ten minutes until cancelled. They are idempotent, so every instance may do them."""
        while True:
            await self._clock.sleep(_SWEEP_SECONDS)
            for chore in self._chores:
                try:
                    await chore()
                except StoreUnavailableError as error:
                    log.warning("housekeeping.postponed", error=str(error))
