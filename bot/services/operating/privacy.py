"""What is known about somebody, told and erased on request: in the chat by themselves, by an operator for good."""

from collections.abc import Callable
from contextlib import suppress

import structlog

from bot.domain.errors import NotReadyError, StillHeldError
from bot.domain.ids import BotId, UserId
from bot.domain.operator import By, actor_of
from bot.services.ports.privacy import Export, PersonalKeys, PersonalRows, Sightings
from bot.services.ports.runtime import Clock, Poke

_LOOK_SECONDS = 0.5

Progress = Callable[[int], None]
"""Hears in how many groups somebody is still to be freed."""

log = structlog.stdlib.get_logger()


class Privacy:
    """Exports and erases what is known about people."""

    def __init__(
        self,
        *,
        rows: PersonalRows,
        keys: PersonalKeys,
        clock: Clock,
        poke: Poke,
        sightings: Sightings | None = None,
    ) -> None:
        self._rows = rows
        self._keys = keys
        self._sightings = sightings
        self._clock = clock
        self._poke = poke

    async def export(self, user: UserId) -> Export:
        """Return everything that is known about somebody."""
        return await self._rows.export(user)

    async def forget(self, bot: BotId, user: UserId) -> None:
        """Erase what one bot knows about whoever asks, except for a mute that is in force and what admins decided."""
        if self._sightings is not None:
            await self._sightings.forget(bot, user)
        await self._rows.forget(bot, user)
        with suppress(NotReadyError):
            # What Redis holds is gone within minutes by itself.
            await self._keys.erase(user, bot)

    async def erase(self, user: UserId, *, by: By, wait: float, progress: Progress, abandon: bool = False) -> None:
        """Free somebody everywhere, then erase all that is known about them.

        Raises StillHeldError when they are not free after `wait` seconds: nothing is erased yet, and they are being
        freed. To `abandon` is to erase all the same: whom nobody can free stays muted until the mute's own end.
        """
        if not abandon:
            await self._rows.free(user)
        deadline = self._clock.monotonic() + wait
        while not await self._rows.erase(user, by=by, abandon=abandon):
            held = await self._rows.unfreed(user)
            progress(held)
            if self._clock.monotonic() >= deadline:
                raise StillHeldError(
                    held, f"they are still to be freed in {held} places, which only a running bot can do: try again"
                )
            await self._clock.sleep(_LOOK_SECONDS)
        await self._keys.erase(user)
        await self._poke()
        log.info("privacy.erased", by=actor_of(by).user_id)
