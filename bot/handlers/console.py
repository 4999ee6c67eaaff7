"""`/console`: an operator's way into the web console, from a private chat."""

import html

from telegram import Update
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from bot.domain.errors import NotReadyError, StoreUnavailableError
from bot.domain.ids import UserId
from bot.domain.message import Button
from bot.handlers.replies import Replies
from bot.handlers.usecases import UseCases


class ConsoleLink:
    """Hands out links. In a group it says nothing: a link is for one pair of eyes."""

    def __init__(self, use: UseCases, replies: Replies) -> None:
        self._use = use
        self._replies = replies

    async def console(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/console`."""
        chat, user = update.effective_chat, update.effective_user
        if chat is None or user is None or chat.type != ChatType.PRIVATE:
            return
        try:
            link = await self._use.access.link_for(UserId(user.id))
        except (NotReadyError, StoreUnavailableError):
            await self._replies.reply(update, self._replies.say(update, "command.unavailable"))
            return
        if link is None:
            await self._replies.reply(update, self._replies.say(update, "console.not_operator", user_id=user.id))
            return
        text = self._replies.say(update, "console.link")
        if link.startswith("https://"):
            label = self._use.texts.toast("console.open_button", self._replies.language(update))
            await self._replies.reply(update, text, ((Button(label, url=link, style="primary"),),))
        else:
            # Telegram refuses buttons to hosts that only this machine knows.
            await self._replies.reply(update, f"{text}\n<code>{html.escape(link)}</code>")
