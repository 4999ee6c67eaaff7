"""The open cases while PostgreSQL is away: what Redis has of them, and what Telegram itself shows."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId, CaseId, ChannelId, EphemeralId, GroupId, MessageId, UserId
from bot.domain.permissions import Role
from bot.domain.policy import Enforcement
from bot.services.groups.directory import Directory
from bot.services.ports.outages import CaseCopies
from bot.services.ports.telegram import TelegramModeration

# Telegram is asked about each group; beyond this many the update waits instead.
_MOST_GROUPS = 3


class CopiedCases:
    """Raises StoreUnavailableError wherever PostgreSQL might know of a case: a copy that is missing proves nothing."""

    def __init__(self, *, copies: CaseCopies, directory: Directory, telegram: TelegramModeration) -> None:
        self._copies = copies
        self._directory = directory
        self._telegram = telegram

    async def of_user(self, bot: BotId, user: UserId, channel: ChannelId) -> Sequence[tuple[CaseId, GroupId]]:
        """Return the user's copied cases; none only when Telegram shows nothing that could be of a case."""
        copies = await self._copies.of_user(bot, user)
        if not copies:
            await self._prove_free(bot, user, channel)
        return [(copy.case_id, copy.group_id) for copy in copies]

    async def open_case(self, bot: BotId, group: GroupId, user: UserId) -> CaseId | None:
        """Return the copied case of a user in a group; None only when Telegram shows that they can write."""
        for copy in await self._copies.of_user(bot, user):
            if copy.group_id == group:
                return copy.case_id
        if (await self._telegram.member_state(bot, group, user)).role is Role.RESTRICTED:
            raise StoreUnavailableError("the user is restricted, and no copy says by whom")
        return None

    async def imposed(self, bot: BotId, group: GroupId, user: UserId, until: datetime) -> bool:
        """Say that we did, where a copy says so; whether we did not is in PostgreSQL."""
        if any((copy.group_id, copy.our_until) == (group, until) for copy in await self._copies.of_user(bot, user)):
            return True
        raise StoreUnavailableError("no copy says whose restriction it was")

    async def prompt_stands(self, bot: BotId, group: GroupId, message: MessageId) -> bool:
        """Say that it does: nobody can tell, and a prompt too many is no harm."""
        del bot, group, message
        return True

    async def ephemeral_stands(self, bot: BotId, group: GroupId, user: UserId, message: EphemeralId) -> bool:
        """Say the same of a prompt that only the user sees."""
        del bot, group, user, message
        return True

    async def count_open(self, bot: BotId, group: GroupId) -> int:
        """Raise StoreUnavailableError: copies are not counted."""
        raise StoreUnavailableError(f"the cases of group {group} of bot {bot} are in PostgreSQL")

    async def _prove_free(self, bot: BotId, user: UserId, channel: ChannelId) -> None:
        groups = self._directory.guarded_by(bot, channel)
        if len(groups) > _MOST_GROUPS:
            raise StoreUnavailableError("there are too many groups to ask about")
        for group in groups:
            restricted = (await self._telegram.member_state(bot, group.group_id, user)).role is Role.RESTRICTED
            if restricted or group.enforcement is Enforcement.DELETE:
                raise StoreUnavailableError("there may be a case, and no copy of it")
