"""`/settings`: a panel of buttons, whose every press checks the presser's rights."""

from telegram import CallbackQuery, Update
from telegram.ext import ContextTypes

from bot.domain.errors import TelegramError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import GroupId, MessageId, UserId
from bot.domain.message import Button, Outgoing
from bot.domain.policy import OnUnknown, choose
from bot.handlers.reading import bot_of
from bot.handlers.replies import Replies
from bot.handlers.usecases import UseCases

PREFIX = "s:"


class Settings:
    """Shows and changes how strict the gate is."""

    def __init__(self, use: UseCases, replies: Replies) -> None:
        self._use = use
        self._replies = replies

    async def show(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer `/settings`."""
        message = update.effective_message
        group = self._use.directory.group(bot_of(update), GroupId(message.chat.id)) if message else None
        if message is None or group is None or not group.protected:
            await self._replies.reply(update, self._replies.say(update, "status.off"))
            return
        policy = group.policy
        for part in (message.text or "").split()[1:]:
            try:
                policy = choose(policy, *part.split("=", 1))
            except (TypeError, ValueError):
                await self._replies.reply(update, self._replies.say(update, "settings.unknown_option", part=part))
                return
        if policy != group.policy and message.from_user is not None:
            group = await self._use.policies.choose(group, policy, UserId(message.from_user.id))
            # What is wanted now may need rights that were not needed before.
            await self._use.rights.changed(group.bot_id, group.group_id)
        panel = self._panel(group, self._replies.language(update))
        await self._replies.reply(update, panel.text, panel.buttons)

    async def pressed(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Answer a press on the panel."""
        query = update.callback_query
        if query is None:
            return
        language = self._replies.language(update)
        try:
            key = await self._change(update, query, language)
        except TelegramError:
            key = "press.unknown"
        try:
            await self._use.presses.answer(bot_of(update), query.id, self._use.texts.toast(key, language))
        except TelegramError:
            return

    async def _change(self, update: Update, query: CallbackQuery, language: str) -> str:
        message, bot = query.message, bot_of(update)
        if message is None or query.data not in {PREFIX + choice.value for choice in OnUnknown}:
            return "press.stale"
        chat, user = GroupId(message.chat.id), UserId(query.from_user.id)
        group = self._use.directory.group(bot, chat)
        if group is None or not group.protected:
            return "press.stale"
        if not await self._use.setup.may_configure(bot, chat, user):
            return "press.not_admin"
        policy = choose(group.policy, "on_unknown", query.data.removeprefix(PREFIX))
        changed = await self._use.policies.choose(group, policy, user)
        try:
            await self._use.presses.edit(bot, chat, MessageId(message.message_id), self._panel(changed, language))
        except TelegramError:
            # The panel shows an old value until it is opened again; the setting itself is saved.
            return "settings.saved"
        return "settings.saved"

    def _panel(self, group: ProtectedGroup, language: str) -> Outgoing:
        texts = self._use.texts
        text = texts.say(
            "settings.panel", language, on_unknown=texts.say(f"settings.{group.on_unknown.value}", language)
        )
        row = tuple(
            Button(
                texts.toast(f"settings.{choice.value}_button", language),
                data=PREFIX + choice.value,
                style="primary" if choice is group.on_unknown else None,
            )
            for choice in OnUnknown
        )
        return Outgoing(text, (row,))
