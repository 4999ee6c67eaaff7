"""Says something in a forum's topic, or in General where the topic takes nothing any more."""

from dataclasses import replace

from bot.domain.errors import TelegramRefusedError
from bot.domain.ids import BotId, GroupId, MessageId
from bot.domain.message import Outgoing
from bot.services.ports.telegram import TelegramMessages

# What Telegram says of a topic that was closed or deleted since somebody wrote there.
_SHUT = ("topic_closed", "topic_deleted", "thread")


async def send_in_topic(telegram: TelegramMessages, bot: BotId, group: GroupId, message: Outgoing) -> MessageId:
    """Send it. Raises TelegramUnavailableError or TelegramRefusedError."""
    try:
        return await telegram.send(bot, group, message)
    except TelegramRefusedError as error:
        if message.topic_id is None or not any(reason in error.description.lower() for reason in _SHUT):
            raise
    return await telegram.send(bot, group, replace(message, topic_id=None))
