"""What was kept while PostgreSQL was away is done when it is back, in order, and before configuration changes again."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId
from bot.services.ports.outages import Backlog, Outage
from bot.services.ports.runtime import Clock

_PAUSE_SECONDS = 1.0
_BATCH = 50

log = structlog.stdlib.get_logger()

Replay = Callable[[BotId, bytes], Awaitable[bool]]
"""Handles an update as if Telegram had delivered it; False when it has to be handled again."""


class CatchingUp:
    """Handles kept updates under their claims: several instances at once do each of them once, and in order."""

    def __init__(
        self, *, outage: Outage, commands: Backlog, strangers: Backlog, bots: Collection[BotId], clock: Clock
    ) -> None:
        self._outage = outage
        self._commands = commands
        self._strangers = strangers
        self._bots = bots
        self._clock = clock
        self._at_work: asyncio.Task[object] | None = None

    async def turn(self, bot: BotId) -> None:
        """Raise StoreUnavailableError while commands of the bot wait that came before whoever asks."""
        if asyncio.current_task() is not self._at_work and not await self._commands.empty(bot):
            raise StoreUnavailableError("commands that were given during an outage come first")

    async def run(self, replay: Replay) -> None:
        """Look for kept updates until cancelled."""
        self._at_work = asyncio.current_task()
        while True:
            for backlog in (self._commands, self._strangers):
                for bot in () if self._outage.away else await backlog.bots():
                    # One that nobody serves here is another instance's, or comes back.
                    if bot in self._bots:
                        await self._drain(backlog, bot, replay)
            await self._clock.sleep(_PAUSE_SECONDS)

    async def _drain(self, backlog: Backlog, bot: BotId, replay: Replay) -> None:
        """Handle what waits for a bot. The first that cannot be handled yet holds up what follows it."""
        while updates := await backlog.first(bot, _BATCH):
            for update in updates:
                if not await replay(bot, update.body):
                    return
                await backlog.done(update)
                log.info("kept.done", bot=bot, update=update.update_id)
