"""Work with a due time: what has to be done later, or again, whatever restarts in between."""

import structlog

from bot.domain.errors import StoreUnavailableError, TelegramRefusedError, TelegramUnavailableError
from bot.domain.intent import Deletion
from bot.services.ports import ActionStore, Clock, TelegramModeration

_PAUSE_SECONDS = 0.5
_BATCH = 50

log = structlog.stdlib.get_logger()


class Actions:
    """Takes due actions under a lease, so that one instance does each."""

    def __init__(self, *, store: ActionStore, telegram: TelegramModeration, clock: Clock) -> None:
        self._store = store
        self._telegram = telegram
        self._clock = clock

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                for action in await self._store.take(_BATCH):
                    await self._do(action)
            except StoreUnavailableError:
                log.warning("actions.store_unavailable")
            await self._clock.sleep(_PAUSE_SECONDS)

    async def _do(self, action: Deletion) -> None:
        try:
            await self._telegram.delete_messages(action.bot_id, action.chat_id, [action.message_id])
        except TelegramUnavailableError as error:
            await self._store.failed(action.action_id, str(error))
            return
        except TelegramRefusedError as error:
            # Gone already, or too old to delete: either way nothing more can be done.
            log.info("action.refused", action=action.action_id, description=error.description)
        await self._store.done(action.action_id)
