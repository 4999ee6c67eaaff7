"""Updates while PostgreSQL is away: without a claim, and acknowledged only when nothing is left to do."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from bot.domain.errors import BotError, MalformedUpdateError
from bot.domain.ids import BotId, UpdateId
from bot.domain.intent import Intent
from bot.services.outages.without_ledger import WithoutLedger
from bot.services.ports.outages import Outage

# As long as an update is handled at all.
_HANDLER_SECONDS = 25.0

log = structlog.stdlib.get_logger()


class OutageHandling:
    """Runs the handlers over services that do without PostgreSQL, and their intents without a ledger."""

    def __init__(
        self,
        *,
        outage: Outage,
        dispatchers: Mapping[BotId, Callable[[bytes], Awaitable[Sequence[Intent]]]],
        without_ledger: WithoutLedger,
    ) -> None:
        self._outage = outage
        self._dispatchers = dispatchers
        self._without_ledger = without_ledger

    @property
    def needed(self) -> bool:
        """Whether PostgreSQL is away."""
        return self._outage.away

    async def handle(self, bot: BotId, update: UpdateId, body: bytes) -> bool:
        """Do what can be done at once; whether nothing is left to do. Never raises."""
        try:
            async with asyncio.timeout(_HANDLER_SECONDS):
                intents = await self._dispatchers[bot](body)
                return await self._without_ledger.settle(update, body, intents)
        except MalformedUpdateError as error:
            log.warning("update.malformed", bot=bot, update=update, reason=str(error))
            return True
        except (BotError, TimeoutError) as error:
            log.info("outage.update_waits", bot=bot, update=update, reason=str(error))
        except Exception:
            # With the ledger it will be tried as often as it may.
            log.exception("outage.update_failed", bot=bot, update=update)
        return False
