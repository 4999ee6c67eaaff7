"""`/exempt`: who may write without being in the channels."""

from telegram import Message, Update
from telegram.ext import ContextTypes

from bot.domain.errors import TelegramError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import GroupId, UserId
from bot.domain.message import Button, Outgoing
from bot.domain.policy import Locked
from bot.handlers.inquiry import LARGEST_ID, meant, named
from bot.handlers.reading import bot_of
from bot.handlers.replies import Replies, is_anonymous_admin
from bot.handlers.usecases import UseCases
from bot.services.groups.authority import Say

TAKE_BACK = "x:"


class Exemptions:
    """Lets admins exempt somebody, and take it back."""

    def __init__(self, use: UseCases, replies: Replies) -> None:
        self._use = use
        self._replies = replies

    async def exempt(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/exempt`, in reply to somebody, with their number, or alone for the list."""
        message = update.effective_message
        group = self._use.directory.group(bot_of(update), GroupId(message.chat.id)) if message else None
        if message is None or message.from_user is None or group is None or not group.protected:
            await self._replies.unprotected(update)
            return
        user, who = UserId(message.from_user.id), meant(message)
        if who is None:
            await self._replies.reply(update, *await self._listed(update, group))
        elif not await self._may(message, group, user):
            await self._replies.reply(update, self._replies.say(update, "press.locked"))
        else:
            who = await named(self._use, group.bot_id, who)
            await self._use.policies.exempt(group.bot_id, group.group_id, who, user)
            await self._replies.reply(update, self._replies.say(update, "exempt.done", name=who.user_name))

    async def pressed(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a press that takes an exemption back."""
        query = update.callback_query
        if query is None or query.message is None:
            return
        chat, number = GroupId(query.message.chat.id), (query.data or "").partition(":")[2]
        try:
            key, name = await self._take_back(update, chat, number)
        except TelegramError:
            key, name = "press.unknown", ""
        await self._replies.toast(update, key, name=name)
        group = self._use.directory.group(bot_of(update), chat)
        if key == "exempt.removed" and group is not None:
            # Where it shows somebody too many, a press on them says that it is out of date.
            await self._replies.redraw(update, Outgoing(*await self._listed(update, group)))

    async def _take_back(self, update: Update, chat: GroupId, number: str) -> tuple[str, str]:
        """Do it if the presser may; return the toast's key, and whom it is about."""
        bot = bot_of(update)
        group, presser = self._use.directory.group(bot, chat), update.effective_user
        if group is None or presser is None or not number.isdecimal() or int(number) > LARGEST_ID:
            return "press.stale", ""
        say = await self._use.authority.of(group, UserId(presser.id))
        if say is not Say.YES:
            return f"press.{say.value}", ""
        known = {each.user_id: each for each in await self._use.policies.exemptions(bot, chat)}
        gone = known.get(UserId(int(number)))
        if gone is None or not await self._use.policies.unexempt(bot, chat, gone.user_id, UserId(presser.id)):
            return "press.stale", ""
        return "exempt.removed", gone.user_name

    async def _may(self, message: Message, group: ProtectedGroup, user: UserId) -> bool:
        if is_anonymous_admin(message):
            return group.policy.locked is Locked.OFF
        return await self._use.authority.of(group, user) is Say.YES

    async def _listed(self, update: Update, group: ProtectedGroup) -> tuple[str, tuple[tuple[Button, ...], ...]]:
        exempt = await self._use.policies.exemptions(group.bot_id, group.group_id)
        rows = tuple((Button(f"✕ {each.user_name}", data=f"{TAKE_BACK}{each.user_id}"),) for each in exempt)
        first = self._replies.say(update, "exempt.list" if rows else "exempt.nobody")
        return f"{self._replies.say(update, 'exempt.usage')}\n\n{first}", rows
