"""`chat_member` and `my_chat_member`."""

from telegram import Update
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from bot.domain.ids import ChannelId, GroupId, UserId
from bot.domain.intent import Asks
from bot.handlers.basket import Baskets
from bot.handlers.onboarding import Onboard
from bot.handlers.reading import bot_of, change_of, query_of
from bot.handlers.usecases import UseCases
from bot.services.gate.door import answers_requests


class Members:
    """Follows who joins, leaves, is restricted or promoted."""

    def __init__(self, use: UseCases, baskets: Baskets, onboard: Onboard) -> None:
        self._use = use
        self._baskets = baskets
        self._onboard = onboard

    async def changed(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Take over what happened to a member of a channel or group."""
        if update.chat_member is None:
            return
        change = change_of(update, update.chat_member)
        if update.chat_member.chat.type == ChatType.CHANNEL:
            self._baskets.add(update, await self._use.events.in_channel(change))
        else:
            self._baskets.add(update, await self._use.events.in_group(change))

    async def asked(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Take over a request to join: a group's own where its policy answers them, a channel's where it counts.

        A guard is asked, and answers at once.
        """
        request = update.chat_join_request
        if request is None:
            return
        bot, chat, user = bot_of(update), GroupId(request.chat.id), UserId(request.from_user.id)
        if request.chat.type == ChatType.CHANNEL:
            self._baskets.add(update, await self._use.events.asked(bot, user, ChannelId(chat)))
            return
        query = query_of(request)
        if query is not None and await self._use.guard.let_in(bot, chat, user, query):
            return
        group = self._use.directory.group(bot, chat)
        if group is not None and answers_requests(group):
            language = self._use.texts.supported(request.from_user.language_code)
            self._baskets.add(update, [Asks(bot, chat, user, language)])

    async def own_changed(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Take over what happened to the bot itself."""
        change = update.my_chat_member
        if change is not None and change.chat.type != ChatType.PRIVATE:
            await self._use.rights.changed(bot_of(update), change.chat.id, username=update.get_bot().username)
            await self._onboard.arrived(update, change)
