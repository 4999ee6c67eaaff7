"""Deletes messages of a case."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from bot.domain.errors import ChatMovedError, TelegramRefusedError
from bot.domain.ids import MessageId
from bot.domain.restriction import Case
from bot.services.ports.telegram import TelegramModeration

AT_ONCE = 100
"""Telegram takes this many messages in a call."""

Hold = Callable[[Case], Awaitable[bool]]
"""Makes sure that the lease outlasts the next call; False when the case is somebody else's."""

log = structlog.stdlib.get_logger()


async def delete_all(telegram: TelegramModeration, case: Case, messages: Sequence[MessageId], hold: Hold) -> bool:
    """Delete what can be deleted; False when the lease was lost on the way.

    Raises TelegramUnavailableError and ChatMovedError.
    """
    for start in range(0, len(messages), AT_ONCE):
        if not await _delete(telegram, case, messages[start : start + AT_ONCE], hold):
            return False
    return True


async def _delete(telegram: TelegramModeration, case: Case, messages: Sequence[MessageId], hold: Hold) -> bool:
    """Delete a batch: one message that cannot be deleted makes Telegram refuse the whole of it."""
    if not await hold(case):
        return False
    try:
        await telegram.delete_messages(case.bot_id, case.group_id, messages)
    except ChatMovedError:
        raise
    except TelegramRefusedError as error:
        if len(messages) == 1:
            log.info("case.delete_refused", case=case.case_id, description=error.description)
            return True
        for message in messages:
            if not await _delete(telegram, case, (message,), hold):
                return False
    return True
