"""`/privacy` and `/forget_me`: what is known about whoever asks."""

from telegram import Update
from telegram.ext import ContextTypes

from bot.domain.ids import UserId
from bot.handlers.reading import bot_of
from bot.handlers.replies import Replies
from bot.handlers.usecases import UseCases


class Personal:
    """Says what is kept about people, and erases it."""

    def __init__(self, use: UseCases, replies: Replies) -> None:
        self._use = use
        self._replies = replies

    async def privacy(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/privacy`."""
        await self._replies.reply(update, self._replies.say(update, "privacy.text"))

    async def forget(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/forget_me`. Who writes in a chat's name is nobody to forget."""
        message = update.effective_message
        if message is None or message.from_user is None or message.sender_chat is not None:
            return
        await self._use.privacy.forget(bot_of(update), UserId(message.from_user.id))
        await self._replies.reply(update, self._replies.say(update, "forget.done"))
