"""Answers the queries about who asks to join, where a group has made this bot its guard: Telegram waits ten seconds."""

import asyncio

import structlog

from bot.domain.errors import StoreUnavailableError, TelegramError
from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.knock import Ruling
from bot.domain.membership import Allow
from bot.services.gate.door import answers_requests
from bot.services.gate.sparing import Judgement
from bot.services.groups.directory import Directory
from bot.services.ports.door import GuardQueries

# What is not known by then stays with the admins and at the door; the answer itself may take as long again.
_JUDGING_SECONDS = 4.0

log = structlog.stdlib.get_logger()


class Guard:
    """Lets members in at once and leaves everybody else waiting; it turns nobody away."""

    def __init__(self, *, directory: Directory, judgement: Judgement, telegram: GuardQueries) -> None:
        self._directory = directory
        self._judgement = judgement
        self._telegram = telegram

    async def let_in(self, bot: BotId, group_id: GroupId, user: UserId, query: str) -> bool:
        """Answer a query; whether the user is in the group now. If not, the request is to be kept."""
        group = self._directory.group(bot, group_id)
        may_enter = group is not None and answers_requests(group) and await self._may_enter(group, user)
        try:
            await self._telegram.rule(bot, query, Ruling.APPROVE if may_enter else Ruling.QUEUE)
        except TelegramError as error:
            # Too late, or without an answer: the request is one like any other.
            log.info("guard.not_answered", group=group_id, error=str(error))
            return False
        if may_enter:
            log.info("guard.approved", group=group_id, user=user)
        return may_enter

    async def _may_enter(self, group: ProtectedGroup, user: UserId) -> bool:
        try:
            async with asyncio.timeout(_JUDGING_SECONDS):
                verdict, spared = await self._judgement.on(group, user)
        except (TelegramError, StoreUnavailableError, TimeoutError):
            # An outage lets nobody in and turns nobody away.
            return False
        return isinstance(verdict, Allow) or (spared is not None and spared.until is None)
