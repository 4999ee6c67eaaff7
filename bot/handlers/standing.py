"""`/verify`, and `/status` of somebody who is no admin: whether they may write, and what is there to join."""

from dataclasses import replace

from telegram import Update
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from bot.domain.ids import GROUP_ANONYMOUS_BOT, GroupId, UserId
from bot.handlers.press import VerifyPress
from bot.handlers.reading import bot_of
from bot.handlers.replies import Replies
from bot.handlers.usecases import UseCases
from bot.services.gate.prompts import joins


class Standing:
    """Answers whoever asks about themselves, and frees them if they are in."""

    def __init__(self, use: UseCases, replies: Replies, press: VerifyPress) -> None:
        self._use = use
        self._replies = replies
        self._press = press

    async def verify(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/verify` in a group."""
        message = update.effective_message
        if message is None or message.from_user is None:
            return
        if message.chat.type == ChatType.PRIVATE:
            await self._replies.reply(update, self._replies.say(update, "command.group_only"))
            return
        group = self._use.directory.group(bot_of(update), GroupId(message.chat.id))
        user = UserId(message.from_user.id)
        if group is None or not group.gating:
            await self._replies.reply(update, self._replies.say(update, "press.not_gated"))
        elif message.sender_chat is not None or user == GROUP_ANONYMOUS_BOT or user in group.exempt:
            await self._replies.reply(update, self._replies.say(update, "press.anyway"))
        else:
            key, values, missing = await self._press.verify(update, group, user)
            spoken = replace(group, language=self._replies.language(update))
            buttons = joins(spoken, missing, self._use.texts)
            await self._replies.reply(update, self._replies.say(update, key, **values), buttons)
