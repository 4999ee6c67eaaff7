"""Handles dead letters once more when an operator asks for it, and counts those that wait for one."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId
from bot.domain.intent import DeadCount
from bot.services.ports.runtime import Clock
from bot.services.ports.upkeep import Letters

_PAUSE_SECONDS = 2.0
_BATCH = 20

Receive = Callable[[BotId, bytes], Awaitable[bool]]
"""Handles an update as if Telegram had delivered it; False when it has to be delivered again."""

log = structlog.stdlib.get_logger()


class Replays:
    """Looks for letters that are marked; their updates are claimed like any other, so one instance handles each."""

    def __init__(
        self, *, letters: Letters, receive: Receive, bots: Callable[[], Sequence[BotId]], clock: Clock
    ) -> None:
        self._letters = letters
        self._receive = receive
        self._bots = bots
        self._clock = clock
        self._count = DeadCount(0, 0)

    @property
    def count(self) -> DeadCount:
        """What waits for a person, as of the last look."""
        return self._count

    async def run(self) -> None:
        """Look every other second until cancelled."""
        while True:
            try:
                for letter in await self._letters.waiting(self._bots(), _BATCH):
                    if await self._receive(letter.bot_id, letter.body):
                        await self._letters.replayed(letter)
                        log.info("letter.replayed", bot=letter.bot_id, update=letter.update_id)
                self._count = await self._letters.count()
            except StoreUnavailableError:
                log.warning("letters.store_unavailable")
            await self._clock.sleep(_PAUSE_SECONDS)
