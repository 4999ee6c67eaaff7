"""`/pause`, `/resume` and `/language`: what admins decide besides the policy."""

from telegram import CallbackQuery, Update
from telegram.ext import ContextTypes

from bot.domain.errors import TelegramError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import GroupId, UserId
from bot.domain.message import Button, Outgoing
from bot.handlers.information import Information
from bot.handlers.reading import bot_of
from bot.handlers.replies import Replies
from bot.handlers.usecases import UseCases
from bot.services.groups.authority import Say

LANGUAGE = "l:"


class Pausing:
    """Stops a gate for a while without losing anything, and chooses what it speaks."""

    def __init__(self, use: UseCases, replies: Replies, information: Information) -> None:
        self._use = use
        self._replies = replies
        self._information = information

    async def pause(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/pause`."""
        group, by = self._where(update)
        if group is None or not group.protected:
            await self._replies.unprotected(update)
            return
        done = await self._use.policies.pause(group, by)
        await self._replies.reply(update, self._replies.say(update, "pause.done" if done else "pause.already"))

    async def resume(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/resume`. What only lacks rights resumes by itself when they are back; the report names them."""
        group, by = self._where(update)
        if group is None or not group.protected:
            await self._replies.unprotected(update)
            return
        if group.gating:
            await self._replies.reply(update, self._replies.say(update, "resume.not_paused"))
            return
        await self._use.policies.resume(group, by)
        for chat in (group.group_id, *group.channel_ids):
            await self._use.rights.changed(group.bot_id, chat)
        group, _ = self._where(update)
        if group is not None and group.gating:
            channels = ", ".join(channel.title for channel in group.channels)
            await self._replies.reply(update, self._replies.say(update, "resume.done", channels=channels))
        else:
            await self._information.status(update, context)

    async def language(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/language`."""
        group, by = self._where(update)
        if group is None or not group.protected:
            await self._replies.unprotected(update)
            return
        known, wanted = self._use.texts.languages, (context.args or [""])[0].replace("-", "_").lower()
        chosen = next((name for name in known if name.lower() == wanted), None)
        if chosen is None:
            await self._replies.reply(update, self._replies.say(update, "language.usage"), self._languages(group))
            return
        await self._use.policies.speak(group, chosen, by)
        await self._replies.reply(update, self._use.texts.say("language.done", chosen))

    async def pressed(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a press that chooses the language."""
        query = update.callback_query
        if query is None or query.message is None:
            return
        try:
            key = await self._press(update, query, (query.data or "").removeprefix(LANGUAGE))
        except TelegramError:
            key = "press.unknown"
        await self._replies.toast(update, key)

    async def _press(self, update: Update, query: CallbackQuery, chosen: str) -> str:
        group, by = self._where(update)
        if group is None or query.message is None or chosen not in self._use.texts.languages:
            return "press.stale"
        say = await self._use.authority.of(group, by)
        if say is not Say.YES:
            return f"press.{say.value}"
        await self._use.policies.speak(group, chosen, by)
        await self._replies.redraw(update, Outgoing(self._use.texts.say("language.done", chosen)))
        return ""

    def _languages(self, group: ProtectedGroup) -> tuple[tuple[Button, ...], ...]:
        """Offer each language by its own name."""
        buttons = [
            Button(
                self._use.texts.name(language),
                data=f"{LANGUAGE}{language}",
                style="primary" if language == group.language else None,
            )
            for language in self._use.texts.languages
        ]
        return tuple(tuple(buttons[start : start + 2]) for start in range(0, len(buttons), 2))

    def _where(self, update: Update) -> tuple[ProtectedGroup | None, UserId]:
        chat, user = update.effective_chat, update.effective_user
        group = self._use.directory.group(bot_of(update), GroupId(chat.id)) if chat is not None else None
        return group, UserId(user.id if user is not None else 0)
