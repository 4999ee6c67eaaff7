"""Takes back a message of the bot's own, also one that Telegram does not let it delete any more."""

from datetime import datetime, timedelta

import structlog

from bot.domain.errors import ChatMovedError, TelegramRefusedError
from bot.domain.ids import BotId, GroupId, MessageId
from bot.domain.message import Outgoing
from bot.services.ports.telegram import TelegramMessages

# Telegram lets nobody delete what is older. Its clock is not ours, and a minute sooner costs nothing.
_DELETABLE = timedelta(hours=48) - timedelta(minutes=1)

log = structlog.stdlib.get_logger()


def is_past_deleting(sent_at: datetime | None, now: datetime) -> bool:
    """Whether a message can only be edited by now: no instance ran while it could be deleted."""
    return sent_at is not None and sent_at + _DELETABLE <= now


async def retire(telegram: TelegramMessages, bot: BotId, chat: GroupId, message: MessageId, text: str) -> None:
    """Leave one line of it, without a button. Raises TelegramUnavailableError and ChatMovedError."""
    try:
        await telegram.edit(bot, chat, message, Outgoing(text))
    except ChatMovedError:
        raise
    except TelegramRefusedError as error:
        # Somebody has deleted it, or it says so already.
        log.info("message.not_retired", group=chat, description=error.description)
