"""`/protect @channel [@channel ...]` and `/unprotect`."""

from telegram import CallbackQuery, Chat, Message, Update
from telegram.constants import ChatType
from telegram.ext import ContextTypes

from bot.domain.errors import GateTakenError, TelegramError
from bot.domain.ids import GROUP_ANONYMOUS_BOT, GroupId, UserId
from bot.domain.message import Button
from bot.domain.policy import Enforcement
from bot.handlers.reading import bot_of
from bot.handlers.replies import Replies, is_anonymous_admin
from bot.handlers.usecases import UseCases
from bot.services.groups.setup import MOST_CHANNELS, Request

CONFIRM = "p"
"""Pressed by an admin who wrote in the group's name: the press tells who it is. The command stands in the reply."""


class Protect:
    """Turns the gate on and off."""

    def __init__(self, use: UseCases, replies: Replies) -> None:
        self._use = use
        self._replies = replies

    async def protect(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/protect`."""
        message = update.effective_message
        if message is None or message.from_user is None:
            return
        references = _references(message)
        if not references:
            await self._replies.unprotected(update, "protect.usage")
        elif len(references) > MOST_CHANNELS:
            await self._replies.reply(update, self._replies.say(update, "protect.too_many", most=MOST_CHANNELS))
        elif is_anonymous_admin(message):
            label = self._use.texts.toast("protect.confirm_button", self._replies.language(update))
            button = Button(label, data=CONFIRM, style="primary")
            await self._replies.reply(update, self._replies.say(update, "protect.confirm"), ((button,),))
        else:
            text, buttons = await self._apply(update, message.chat, UserId(message.from_user.id), references)
            await self._replies.reply(update, text, buttons)

    async def confirmed(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer the press by which an anonymous admin shows who they are."""
        query = update.callback_query
        if query is None:
            return
        command, key = _command_under(query), ""
        try:
            if command is None:
                key = "press.stale"
            elif not await self._may(update, command.chat):
                key = "press.not_admin"
            else:
                references = _references(command)
                text, buttons = await self._apply(update, command.chat, UserId(query.from_user.id), references)
                await self._replies.reply(update, text, buttons)
        except TelegramError:
            key = "press.unknown"
        await self._replies.toast(update, key)

    async def unprotect(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/unprotect`."""
        chat, user = update.effective_chat, update.effective_user
        if chat is None or user is None:
            return
        freed = await self._use.setup.unprotect(bot_of(update), GroupId(chat.id), UserId(user.id))
        if freed is None:
            await self._replies.reply(update, self._replies.say(update, "unprotect.not_protected"))
        elif freed == 0:
            await self._replies.reply(update, self._replies.say(update, "unprotect.done_nobody"))
        else:
            await self._replies.reply(update, self._replies.say(update, "unprotect.done", count=freed))

    async def _may(self, update: Update, chat: Chat) -> bool:
        user = update.effective_user
        if user is None or user.id == GROUP_ANONYMOUS_BOT:
            return False
        return await self._use.setup.may_configure(bot_of(update), GroupId(chat.id), UserId(user.id))

    async def _apply(
        self, update: Update, chat: Chat, by: UserId, references: tuple[str, ...]
    ) -> tuple[str, tuple[tuple[Button, ...], ...]]:
        request = Request(
            bot_id=bot_of(update),
            group_id=GroupId(chat.id),
            title=chat.title or "",
            username=chat.username,
            basic_group=chat.type == ChatType.GROUP,
            by=by,
            language=self._replies.language(update),
            references=references,
        )
        try:
            outcome = await self._use.setup.protect(request)
        except GateTakenError:
            return self._replies.say(update, "protect.taken"), ()
        if isinstance(outcome, tuple):
            return self._replies.problems(update, "protect.problems", outcome), self._replies.fixes(update, outcome)
        await self._replies.greeting_over(update, request.group_id)
        key = "protect.done_basic" if outcome.enforcement is Enforcement.DELETE else "protect.done"
        text = self._replies.say(update, key, channels=", ".join(channel.title for channel in outcome.channels))
        if outcome.policy.enforcement is Enforcement.OBSERVE:
            text += "\n" + self._replies.say(update, "doctor.observes")
        return text, ()


def _references(message: Message) -> tuple[str, ...]:
    return tuple((message.text or "").split()[1:])


def _command_under(query: CallbackQuery) -> Message | None:
    """Return the command that the pressed message replies to, if Telegram still shows it."""
    message = query.message
    command = message.reply_to_message if isinstance(message, Message) else None
    return command if command is not None and _references(command) else None
