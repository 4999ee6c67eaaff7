"""Deletes messages of a case."""

from collections.abc import Sequence

import structlog

from bot.domain.errors import TelegramRefusedError
from bot.domain.ids import MessageId
from bot.domain.restriction import Case
from bot.services.ports.telegram import TelegramModeration

log = structlog.stdlib.get_logger()


async def delete_all(telegram: TelegramModeration, case: Case, messages: Sequence[MessageId]) -> None:
    """Delete what can be deleted: one message that cannot makes Telegram refuse the whole batch.

    Raises TelegramUnavailableError.
    """
    try:
        await telegram.delete_messages(case.bot_id, case.group_id, messages)
    except TelegramRefusedError as error:
        if len(messages) == 1:
            log.info("case.delete_refused", case=case.case_id, description=error.description)
            return
        for message in messages:
            await delete_all(telegram, case, (message,))
