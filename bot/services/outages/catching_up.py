"""What was kept while PostgreSQL was away is done when it is back, in order, and before configuration changes again."""

import asyncio
from collections.abc import Awaitable, Callable, Collection

import structlog

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId
from bot.domain.intent import KeptUpdate
from bot.services.ports.outages import Backlog, Outage
from bot.services.ports.runtime import Clock

_PAUSE_SECONDS = 1.0
_BATCH = 50
# One that cannot be handled for so long, with PostgreSQL there, holds up its bot's other commands no longer.
_PATIENCE_SECONDS = 600.0

log = structlog.stdlib.get_logger()

Replay = Callable[[BotId, bytes], Awaitable[bool]]
"""Handles an update as if Telegram had delivered it; False when it has to be handled again."""

ReadUp = Callable[[], Awaitable[None]]
"""Reads the settings as they are now. Raises StoreUnavailableError."""

GiveUp = Callable[[BotId, bytes, str], Awaitable[bool]]
"""Makes a dead letter of an update, with the reason; False when that has to be tried again."""


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
        # Since when an update has held up those behind it.
        self._held: dict[tuple[BotId, str], float] = {}

    async def turn(self, bot: BotId) -> None:
        """Raise StoreUnavailableError while commands of the bot wait that came before whoever asks."""
        if asyncio.current_task() is not self._at_work and not await self._commands.empty(bot):
            raise StoreUnavailableError("commands that were given during an outage come first")

    async def run(self, read_up: ReadUp, replay: Replay, give_up: GiveUp) -> None:
        """Look for kept updates until cancelled. None is handled by settings of before the outage."""
        self._at_work = asyncio.current_task()
        while True:
            for backlog in (self._commands, self._strangers):
                for bot in () if self._outage.away else await backlog.bots():
                    # One that nobody serves here is another instance's, or comes back.
                    if bot in self._bots and await _is_done(read_up):
                        await self._drain(backlog, bot, replay, give_up)
            await self._clock.sleep(_PAUSE_SECONDS)

    async def _drain(self, backlog: Backlog, bot: BotId, replay: Replay, give_up: GiveUp) -> None:
        """Handle what waits for a bot. The first that cannot be handled yet holds up what follows it, for a while."""
        while updates := await backlog.first(bot, _BATCH):
            for update in updates:
                if not await replay(bot, update.body) and not await self._is_given_up(update, give_up):
                    return
                await backlog.done(update)
                self._held.pop((bot, update.key), None)
                log.info("kept.done", bot=bot, update=update.update_id)

    async def _is_given_up(self, update: KeptUpdate, give_up: GiveUp) -> bool:
        """Make a dead letter of what has held up the others for too long."""
        place, now = (update.bot_id, update.key), self._clock.monotonic()
        if self._outage.away:
            self._held.pop(place, None)
            return False
        if now - self._held.setdefault(place, now) < _PATIENCE_SECONDS:
            return False
        return await give_up(update.bot_id, update.body, "kept in an outage, and not to be handled for long after it")


async def _is_done(read_up: ReadUp) -> bool:
    try:
        await read_up()
    except StoreUnavailableError:
        return False
    return True
