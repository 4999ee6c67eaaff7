"""Messages in groups: who may speak."""

from telegram import Message, Update, User
from telegram.ext import ApplicationHandlerStop, ContextTypes

from bot.domain.ids import TELEGRAM_SERVICE, GroupId
from bot.handlers.basket import Baskets
from bot.handlers.reading import bot_of, speaker_of
from bot.handlers.usecases import UseCases
from bot.services.admission import Admission


class GroupMessages:
    """Runs before every command: a stranger's command is a stranger's message."""

    def __init__(self, use: UseCases, baskets: Baskets) -> None:
        self._use = use
        self._baskets = baskets

    async def spoke(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Gate whoever wrote or edited a message."""
        message = update.effective_message
        if message is None or message.from_user is None or _speaks_for_a_chat(message, message.from_user):
            return
        admission, intents = await self._use.doorkeeper.look(speaker_of(update, message, message.from_user))
        self._baskets.add(update, intents)
        if admission is Admission.STOPPED:
            raise ApplicationHandlerStop

    async def moved(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Follow a group that became a supergroup; both of its service messages say so."""
        message = update.effective_message
        if message is None:
            return
        if message.migrate_to_chat_id is not None:
            old, new = message.chat.id, message.migrate_to_chat_id
        elif message.migrate_from_chat_id is not None:
            old, new = message.migrate_from_chat_id, message.chat.id
        else:
            return
        await self._use.setup.moved(bot_of(update), GroupId(old), GroupId(new))


def _speaks_for_a_chat(message: Message, user: User) -> bool:
    """Anonymous admins, channels and Telegram itself have no membership that could be asked for."""
    return message.sender_chat is not None or user.is_bot or user.id == TELEGRAM_SERVICE
