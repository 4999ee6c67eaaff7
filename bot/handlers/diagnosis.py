"""`/doctor`: each right the bot needs, whether it has it, and the tap that gives it."""

from telegram import CallbackQuery, Chat, Update
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from bot.domain.errors import TelegramError
from bot.domain.ids import GroupId, UserId
from bot.domain.message import Button, Outgoing
from bot.handlers.reading import bot_of
from bot.handlers.replies import Replies
from bot.handlers.usecases import UseCases
from bot.services.groups.clinic import Mark, Symptom
from bot.services.groups.setup import Problem

AGAIN = "d"
"""Callback data: look once more, and show the outcome in the same message."""


class Diagnosis:
    """Looks at a group, and again when something was mended."""

    def __init__(self, use: UseCases, replies: Replies) -> None:
        self._use = use
        self._replies = replies

    async def doctor(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/doctor`."""
        chat = update.effective_chat
        if chat is not None:
            shown = await self._shown(update, chat)
            await self._replies.reply(update, shown.text, shown.buttons)

    async def pressed(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer the press that asks for another look."""
        query = update.callback_query
        if query is None or query.message is None:
            return
        try:
            key = await self._again(update, query, query.message.chat)
        except TelegramError:
            key = "press.unknown"
        await self._replies.toast(update, key)

    async def _again(self, update: Update, query: CallbackQuery, chat: Chat) -> str:
        bot, group_id, user = bot_of(update), GroupId(chat.id), UserId(query.from_user.id)
        if query.message is None:
            return "press.stale"
        if not await self._use.setup.may_configure(bot, group_id, user, to_look=True):
            return "press.not_admin"
        group = self._use.directory.group(bot, group_id)
        for place in (group_id, *group.channel_ids) if group is not None else ():
            # What was mended takes effect now, whether or not Telegram has told of it.
            await self._use.rights.changed(bot, place)
        return "" if await self._replies.redraw(update, await self._shown(update, chat)) else "doctor.same"

    async def _shown(self, update: Update, chat: Chat) -> Outgoing:
        bot, group_id = bot_of(update), GroupId(chat.id)
        group, basic = self._use.directory.group(bot, group_id), chat.type == ChatType.GROUP
        found = await self._use.clinic.examine(bot, group_id, group, basic=basic)
        lines = [self._replies.say(update, "doctor.title", group=chat.title or ""), ""]
        lines += [self._line(update, symptom) for symptom in found]
        if all(each.mark is Mark.FINE for each in found):
            lines += ["", self._replies.say(update, "status.healthy")]
        lacking = [Problem(each.remedy, {}) for each in found if each.mark is not Mark.UNKNOWN and each.remedy]
        again = Button(self._use.texts.toast("doctor.again_button", self._replies.language(update)), data=AGAIN)
        choose = () if group is not None and group.protected else ((self._replies.choose(update, group_id),),)
        return Outgoing("\n".join(lines), (*self._replies.fixes(update, lacking), *choose, (again,)))

    def _line(self, update: Update, symptom: Symptom) -> str:
        text = f"{symptom.mark.value} {self._replies.say(update, symptom.what, **symptom.values)}"
        if symptom.why is not None:
            text += f": {self._replies.say(update, symptom.why)}"
        if symptom.remedy is not None:
            text += f"\n→ {self._replies.say(update, symptom.remedy, **symptom.values)}"
        return text
