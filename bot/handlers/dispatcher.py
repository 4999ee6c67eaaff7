"""Bytes in, intents out: one bot's handlers behind python-telegram-bot's Application."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import structlog
from telegram import Bot, Update
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    ChatJoinRequestHandler,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

from bot.domain.errors import MalformedUpdateError, TelegramRefusedError, TelegramUnavailableError
from bot.domain.intent import Intent
from bot.handlers.basket import Baskets
from bot.handlers.channels import PREFIX as CHANNELS
from bot.handlers.channels import ChannelOwners
from bot.handlers.console import ConsoleLink
from bot.handlers.diagnosis import AGAIN, Diagnosis
from bot.handlers.exemptions import TAKE_BACK, Exemptions
from bot.handlers.information import Information
from bot.handlers.members import Members
from bot.handlers.messages import GroupMessages
from bot.handlers.onboarding import PREFIX as ONBOARD
from bot.handlers.onboarding import Onboard
from bot.handlers.pausing import LANGUAGE, Pausing
from bot.handlers.personal import Personal
from bot.handlers.press import VerifyPress
from bot.handlers.protect import CONFIRM, Protect
from bot.handlers.replies import Replies
from bot.handlers.settings import PREFIX, Settings
from bot.handlers.standing import Standing
from bot.handlers.statistics import PREFIX as STATS
from bot.handlers.statistics import GroupStatistics
from bot.handlers.usecases import UseCases
from bot.handlers.waiting import Waiting
from bot.handlers.words import Words
from bot.services.batch_verification import WARMER
from bot.services.gate.prompts import VERIFY
from bot.services.membership.warmer import Warmer

log = structlog.stdlib.get_logger()

# Of the six type parameters GMBot uses none: state lives in services, not in the framework.
AnyApplication: TypeAlias = "Application[Any, Any, Any, Any, Any, Any]"

Introduce = Callable[[], Awaitable[None]]

# The handlers that decide who may speak run before those that answer commands.
_GATE_GROUP = -1


class Dispatcher:
    """Handles one update at a time per call; calls run concurrently."""

    def __init__(self, application: AnyApplication, baskets: Baskets, introduce: Introduce) -> None:
        self._application = application
        self._introduce = introduce
        self._baskets = baskets
        self._starting = asyncio.Lock()
        self._started = False

    async def __call__(self, body: bytes, *, is_owed: bool = False) -> Sequence[Intent]:
        """Handle one update.

        Raises MalformedUpdateError for what is no update, TelegramUnavailableError while the bot itself is unknown
        (its name is asked of Telegram once), and whatever a handler raised.
        """
        await self._start()
        try:
            update = Update.de_json(json.loads(body), self._application.bot)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
            raise MalformedUpdateError(f"{type(error).__name__}: {error}") from error
        with self._baskets.opened(update, body, is_owed=is_owed) as basket:
            await self._application.process_update(update)
            if basket.error is not None:
                raise basket.error
            return basket.intents

    async def _start(self) -> None:
        """Ask Telegram who the bot is, once. An instance is ready before that, and without it."""
        if self._started:
            return
        async with self._starting:
            if not self._started:
                try:
                    await self._introduce()
                except TelegramRefusedError as error:
                    # A token that is refused may be valid again; the update waits in Telegram's queue.
                    raise TelegramUnavailableError(method="getMe", description=error.description) from error
                await self._application.initialize()
                self._started = True


def build_dispatcher(bot: Bot, use: UseCases, introduce: Introduce, warmer: Warmer) -> Dispatcher:
    """Wire the handlers of one bot. The table below is the list of everything GMBot reacts to.

    `introduce` has the bot ask who it is; it raises TelegramUnavailableError or TelegramRefusedError.
    """
    baskets = Baskets()
    replies = Replies(use, baskets)
    owners = ChannelOwners(use, replies)
    onboard = Onboard(use, replies, owners)
    messages, members = GroupMessages(use, baskets), Members(use, baskets, onboard)
    protect, settings = Protect(use, replies), Settings(use, replies)
    information = Information(use, replies, onboard, settings)
    press, exemptions, personal = VerifyPress(use, baskets), Exemptions(use, replies), Personal(use, replies)
    standing, pausing = Standing(use, replies, press), Pausing(use, replies, information)
    statistics, diagnosis = GroupStatistics(use, replies), Diagnosis(use, replies)
    words = Words(use, replies)
    status = replies.for_admins(information.status, otherwise=standing.verify, to_look=True)
    kept = Waiting(use, replies, baskets).kept
    application = Application.builder().bot(bot).updater(None).job_queue(None).build()
    # For `warm_cache_for_group` and `warm_cache_for_all_groups`.
    application.bot_data[WARMER] = warmer
    in_groups, new = filters.ChatType.GROUPS, filters.UpdateType.MESSAGE
    for handler, group in (
        (MessageHandler(in_groups & filters.StatusUpdate.MIGRATE, messages.moved), _GATE_GROUP),
        (
            MessageHandler(
                in_groups & (filters.StatusUpdate.NEW_CHAT_MEMBERS | filters.StatusUpdate.LEFT_CHAT_MEMBER),
                messages.came_or_left,
            ),
            _GATE_GROUP,
        ),
        (MessageHandler(in_groups & ~filters.StatusUpdate.ALL, messages.spoke), _GATE_GROUP),
        (ChatMemberHandler(members.changed, ChatMemberHandler.CHAT_MEMBER), 0),
        (ChatMemberHandler(members.own_changed, ChatMemberHandler.MY_CHAT_MEMBER), 0),
        (ChatJoinRequestHandler(members.asked), 0),
        (CallbackQueryHandler(press, f"^{VERIFY}$"), 0),
        (CallbackQueryHandler(kept(replies.used(protect.confirmed)), f"^{CONFIRM}$"), 0),
        (CallbackQueryHandler(kept(onboard.pressed), f"^{ONBOARD}"), 0),
        (
            MessageHandler(filters.StatusUpdate.CHAT_SHARED & filters.ChatType.PRIVATE, kept(onboard.shared)),
            0,
        ),
        (CallbackQueryHandler(kept(replies.used(settings.pressed)), f"^{PREFIX}"), 0),
        (CallbackQueryHandler(kept(owners.pressed), f"^{CHANNELS}"), 0),
        (CommandHandler("channels", kept(owners.show), new), 0),
        (CommandHandler("protect", kept(replies.for_admins(protect.protect)), new), 0),
        (CommandHandler("unprotect", kept(replies.for_admins(protect.unprotect)), new), 0),
        (CommandHandler("status", kept(status), new), 0),
        (CommandHandler("stats", kept(replies.for_admins(statistics.stats, to_look=True)), new), 0),
        (CallbackQueryHandler(kept(replies.used(statistics.pressed)), f"^{STATS}"), 0),
        (CommandHandler("doctor", kept(replies.for_admins(diagnosis.doctor, to_look=True)), new), 0),
        (CallbackQueryHandler(kept(replies.used(diagnosis.pressed)), f"^{AGAIN}$"), 0),
        (CommandHandler("verify", kept(standing.verify), new), 0),
        (CommandHandler("exempt", kept(replies.for_admins(exemptions.exempt, to_look=True)), new), 0),
        (CallbackQueryHandler(kept(replies.used(exemptions.pressed)), f"^{TAKE_BACK}"), 0),
        (CommandHandler("pause", kept(replies.for_admins(pausing.pause)), new), 0),
        (CommandHandler("resume", kept(replies.for_admins(pausing.resume)), new), 0),
        (CommandHandler("language", kept(replies.for_admins(pausing.language)), new), 0),
        (CallbackQueryHandler(kept(replies.used(pausing.pressed)), f"^{LANGUAGE}"), 0),
        (CommandHandler("text", kept(replies.for_admins(words.text, to_look=True)), new), 0),
        (CommandHandler("privacy", personal.privacy, new), 0),
        (CommandHandler("forget_me", kept(personal.forget), new), 0),
        (CommandHandler("settings", kept(settings.show), new), 0),
        (CommandHandler("console", ConsoleLink(use, replies).console, new), 0),
        (CommandHandler("start", information.start, new), 0),
        (CommandHandler("help", information.help, new), 0),
        (MessageHandler(filters.ChatType.PRIVATE & new & ~filters.StatusUpdate.ALL, kept(information.wrote)), 0),
    ):
        application.add_handler(handler, group)

    async def failed(update: object, context: ContextTypes.DEFAULT_TYPE) -> None:
        if context.error is not None:
            baskets.failed(update, context.error)

    application.add_error_handler(failed)
    return Dispatcher(application, baskets, introduce)
