"""The prompt's button: it verifies whoever presses it."""

import asyncio

from telegram import CallbackQuery, Update
from telegram.ext import ContextTypes

from bot.domain.errors import TelegramError
from bot.domain.event import Cause
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, ChannelId, EphemeralId, GroupId, MessageId, UserId
from bot.domain.intent import Noted, PromptSeen, Want
from bot.domain.membership import Allow, Doubt, Missing, Require, judge
from bot.domain.restriction import Wanted
from bot.handlers.basket import Baskets
from bot.handlers.reading import bot_of, ephemeral_id_of
from bot.handlers.usecases import UseCases

Told = tuple[str, dict[str, str], tuple[ChannelId, ...]]
"""The key of a sentence, what goes into it, and the channels that are missing."""


class VerifyPress:
    """Asks Telegram anew: somebody who has just joined must not hear a remembered no."""

    def __init__(self, use: UseCases, baskets: Baskets) -> None:
        self._use = use
        self._baskets = baskets

    async def __call__(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        """Verify the presser, free them if they are in, and tell them in their language."""
        query = update.callback_query
        if query is None or query.message is None:
            return
        bot, chat, user = bot_of(update), GroupId(query.message.chat.id), UserId(query.from_user.id)
        group = self._use.directory.group(bot, chat)
        language = self._use.texts.supported(query.from_user.language_code)
        if group is None or not group.gating:
            text = self._use.texts.toast("press.not_gated", language)
        else:
            told = await self.verify(update, group, user)
            text = self._use.texts.toast(told[0], language, **told[1])
        await self._answer(bot, query, text)
        ephemeral = ephemeral_id_of(query)
        if ephemeral is None:
            await self._tidy(bot, chat, query)
        else:
            self._baskets.add(update, [PromptSeen(bot, chat, user, ephemeral)])
            await self._tidy_ephemeral(bot, chat, user, ephemeral)

    async def verify(self, update: Update, group: ProtectedGroup, user: UserId) -> Told:
        """Ask about somebody and free them if they are in; return what to tell them."""
        examined = await self._use.verification.examine(group.bot_id, user, group.channel_ids)
        standing = await self._use.sparing.counted(group, user, examined)
        match judge(standing, group.policy.require):
            case Allow():
                case = await self._use.ledger.open_case(group.bot_id, group.group_id, user)
                if case is None:
                    return "press.already_free", {}, ()
                self._baskets.add(update, [Want((case,), Wanted.FREE, Cause.PRESS)])
                return "press.free", {}, ()
            case Missing(channels):
                if await self._may_write(group, user):
                    return "press.anyway", {}, ()
                self._note(update, group, user, "still_missing", channels)
                return self._missing(group, user, channels)
            case Doubt():
                self._note(update, group, user, "unknown")
                return "press.unknown", {}, ()

    async def _may_write(self, group: ProtectedGroup, user: UserId) -> bool:
        """Whether nobody keeps them from writing although channels are missing: admins, and whom the group spares."""
        bot, chat = group.bot_id, group.group_id
        if await self._use.ledger.open_case(bot, chat, user) is not None:
            return False
        if user in group.exempt or await self._use.doorkeeper.is_admin(bot, chat, user):
            return True
        try:
            return await self._use.sparing.of(group, user) is not None
        except TelegramError:
            return False

    def _missing(self, group: ProtectedGroup, user: UserId, channels: tuple[ChannelId, ...]) -> Told:
        """Say what to join, or that joining will not help."""
        banned = self._use.bans.banned(group.bot_id, user, channels)
        helps = tuple(channel for channel in channels if channel not in banned)
        barred = bool(banned) and (group.policy.require is Require.ALL or not helps)
        titles = {channel.channel_id: channel.title for channel in group.channels}
        named = ", ".join(titles[channel] for channel in (banned if barred else helps))
        return "press.banned" if barred else "press.missing", {"channels": named}, helps

    def _note(
        self, update: Update, group: ProtectedGroup, user: UserId, kind: str, channels: tuple[ChannelId, ...] = ()
    ) -> None:
        self._baskets.add(update, [Noted(group.bot_id, group.group_id, user, kind, Cause.PRESS, channels)])

    async def _answer(self, bot: BotId, query: CallbackQuery, text: str) -> None:
        try:
            await self._use.presses.answer(bot, query.id, text)
        except TelegramError:
            # The toast is a courtesy; what it announces happens with or without it.
            return

    async def _tidy(self, bot: BotId, chat: GroupId, query: CallbackQuery) -> None:
        """Remove a prompt that no case knows of: an instance died between sending it and noting its id."""
        if query.message is None or not query.message.is_accessible:
            return
        message = MessageId(query.message.message_id)
        if not await self._use.ledger.prompt_stands(bot, chat, message):
            try:
                async with asyncio.timeout(2):
                    await self._use.presses.delete_messages(bot, chat, [message])
            except (TelegramError, TimeoutError):
                return

    async def _tidy_ephemeral(self, bot: BotId, chat: GroupId, user: UserId, message: EphemeralId) -> None:
        """Do the same for a prompt that only the presser sees."""
        if not await self._use.ledger.ephemeral_stands(bot, chat, user, message):
            try:
                async with asyncio.timeout(2):
                    await self._use.ephemeral.delete_ephemeral(bot, chat, user, message)
            except (TelegramError, TimeoutError):
                return
