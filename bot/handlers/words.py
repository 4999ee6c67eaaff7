"""`/text`: the words in which a group's admins ask strangers to join."""

from telegram import Message, Update
from telegram.ext import ContextTypes

from bot.domain.group import ProtectedGroup
from bot.domain.ids import GroupId, UserId
from bot.domain.policy import Locked
from bot.domain.prompt_text import LONGEST, PromptTextError, checked
from bot.handlers.panel import EXAMPLE
from bot.handlers.reading import bot_of, name_of
from bot.handlers.replies import Replies, is_anonymous_admin
from bot.handlers.usecases import UseCases
from bot.services.gate.prompts import preview
from bot.services.groups.authority import Say

_RESET = "reset"
"""No text: one that does not name who is asked is refused."""


class Words:
    """Shows, checks and changes the text of a group's prompt."""

    def __init__(self, use: UseCases, replies: Replies) -> None:
        self._use = use
        self._replies = replies

    async def text(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/text`, alone, with a text, or with `reset`; what newcomers see then is shown below."""
        message = update.effective_message
        group = self._use.directory.group(bot_of(update), GroupId(message.chat.id)) if message else None
        if message is None or message.from_user is None or group is None or not group.protected:
            await self._replies.unprotected(update)
            return
        given = _given(message)
        if not given:
            lines = [self._standing(update, group), self._replies.say(update, "text.usage", most=LONGEST, line=EXAMPLE)]
            await self._show(update, group, "\n\n".join(lines))
            return
        allowed = await self._allowed(message, group)
        if allowed is not Say.YES:
            await self._replies.reply(update, self._replies.say(update, f"press.{allowed.value}"))
            return
        try:
            text = None if given == _RESET else checked(given)
        except PromptTextError as error:
            await self._replies.reply(update, self._replies.say(update, error.key, **error.values))
            return
        group = await self._use.policies.word(group, text, UserId(message.from_user.id))
        await self._show(update, group, self._replies.say(update, "settings.saved"))

    async def _show(self, update: Update, group: ProtectedGroup, said: str) -> None:
        """Say something, and below it what a newcomer would read."""
        user = update.effective_user
        if user is None:
            return
        shown = preview(group, UserId(user.id), name_of(user), self._use.texts)
        await self._replies.reply(update, f"{said}\n\n— — —\n{shown.text}", shown.buttons)

    def _standing(self, update: Update, group: ProtectedGroup) -> str:
        if group.prompt_text is None:
            return self._replies.say(update, "text.standard")
        return self._replies.say(update, "text.own", line=group.prompt_text)

    async def _allowed(self, message: Message, group: ProtectedGroup) -> Say:
        if is_anonymous_admin(message):
            return Say.YES if group.policy.locked is Locked.OFF else Say.LOCKED
        return await self._use.authority.of(group, UserId(message.from_user.id if message.from_user else 0))


def _given(message: Message) -> str:
    """Return what stands behind the command: with the formatting of the app, if there is any, or as it was typed."""
    formats = {"bold", "italic", "underline", "strikethrough", "code", "text_link"}
    formatted = any(entity.type in formats for entity in message.entities)
    told = message.text_html if formatted else message.text
    _, _, given = (told or "").partition(" ")
    return given.strip()
