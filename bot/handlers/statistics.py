"""`/stats`: what the gate has done in the last days, with a picture; for admins."""

import re

from telegram import CallbackQuery, Update
from telegram.ext import ContextTypes

from bot.domain.errors import TelegramError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import GroupId, UserId
from bot.domain.message import Button, Outgoing
from bot.handlers.reading import bot_of
from bot.handlers.replies import Replies
from bot.handlers.usecases import UseCases
from bot.services.groups.authority import Say

PREFIX = "t:"
_PERIODS = (7, 28)
_DATA = re.compile(r"t:(7|28)")


class GroupStatistics:
    """Shows figures of a group; a press shows another period in the same message."""

    def __init__(self, use: UseCases, replies: Replies) -> None:
        self._use = use
        self._replies = replies

    async def stats(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/stats`."""
        chat = update.effective_chat
        group = None if chat is None else self._use.directory.group(bot_of(update), GroupId(chat.id))
        if group is None:
            await self._replies.unprotected(update)
            return
        shown = await self._shown(update, group, _PERIODS[0])
        await self._replies.reply(update, shown.text, shown.buttons, shown.picture)

    async def pressed(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a press below the picture."""
        query = update.callback_query
        if query is None or query.message is None:
            return
        try:
            key = await self._press(update, query, GroupId(query.message.chat.id))
        except TelegramError:
            key = "press.unknown"
        await self._replies.toast(update, key)

    async def _press(self, update: Update, query: CallbackQuery, chat: GroupId) -> str:
        found, group = _DATA.fullmatch(query.data or ""), self._use.directory.group(bot_of(update), chat)
        if found is None or group is None:
            return "press.stale"
        say = await self._use.authority.of(group, UserId(query.from_user.id))
        # The owner's lock is for what is changed; to look at it, one has to be an admin.
        if say is Say.NOT_ADMIN:
            return f"press.{say.value}"
        drawn = await self._replies.redraw(update, await self._shown(update, group, int(found[1])))
        return "" if drawn else "press.unknown"

    async def _shown(self, update: Update, group: ProtectedGroup, days: int) -> Outgoing:
        stats, picture = await self._use.statistics.of(group, days)
        texts, language = self._use.texts, self._replies.language(update)
        names = ("joined", "passed", "stopped", "by_event", "freed", "unasked")
        figures = {name: stats.total(name) for name in names}
        text = texts.say("stats.text", language, group=group.title, days=days, waiting=stats.waiting, **figures)
        buttons = tuple(
            Button(
                texts.toast("stats.days_button", language, days=period),
                data=f"{PREFIX}{period}",
                style="primary" if period == days else None,
            )
            for period in _PERIODS
        )
        return Outgoing(text, (buttons,), picture=picture)
