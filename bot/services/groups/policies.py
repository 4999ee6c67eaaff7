"""What a group's admins choose after it is protected: its policy and its exemptions."""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from bot.domain.group import Exemption, Observed, ProtectedGroup
from bot.domain.ids import BotId, CaseId, GroupId, UserId
from bot.domain.operator import By, actor_of
from bot.domain.policy import Enforcement, Policy, changes
from bot.services.groups.directory import Directory
from bot.services.groups.rights import PAUSED_BY_ADMIN
from bot.services.ports.groups import PolicyStore
from bot.services.ports.runtime import Clock, Poke, Waker

__all__ = ["OBSERVED_DAYS", "PAUSED_BY_ADMIN", "Policies"]

log = structlog.stdlib.get_logger()

# What a report looks back on.
OBSERVED_DAYS = 7
_MOST_EXEMPTIONS = 20


class Policies:
    """Changes take effect on this instance at once, and soon everywhere."""

    def __init__(self, *, directory: Directory, groups: PolicyStore, clock: Clock, wake: Waker, poke: Poke) -> None:
        self._directory = directory
        self._groups = groups
        self._clock = clock
        self._wake = wake
        self._poke = poke

    async def choose(self, group: ProtectedGroup, policy: Policy, by: By) -> ProtectedGroup:
        """Choose what differs from the group's policy as it was seen; return the group as it is then."""
        # Whatever else differs by now was chosen by somebody else, a moment ago: that stays.
        choices = changes(group.policy, policy)
        await self._applied(group.bot_id, await self._groups.set_policy(group.bot_id, group.group_id, choices, by))
        return self._directory.group(group.bot_id, group.group_id) or group

    async def exempt(self, bot: BotId, group: GroupId, who: Exemption, by: UserId) -> None:
        """Let somebody write whatever they are in, from now on."""
        await self._applied(bot, await self._groups.exempt(bot, group, who, by))

    async def pause(self, group: ProtectedGroup, by: By) -> bool:
        """Stop checking anybody and free everybody, until an admin resumes; False when one has paused already."""
        if group.paused_reason == PAUSED_BY_ADMIN:
            return False
        log.info("group.paused", group=group.group_id, reason=PAUSED_BY_ADMIN, by=actor_of(by).user_id)
        bot, chat = group.bot_id, group.group_id
        woken = await self._groups.pause(bot, chat, PAUSED_BY_ADMIN, was=group.paused_reason, free=True, by=by)
        await self._applied(bot, woken or ())
        fresh = self._directory.group(bot, chat)
        if woken is None and fresh is not None and fresh.paused_reason != group.paused_reason:
            # It was paused or resumed for another reason meanwhile; an admin's word stands above that.
            return await self.pause(fresh, by)
        return True

    async def resume(self, group: ProtectedGroup, by: By) -> None:
        """Check again, where an admin had paused; what lacks rights is not theirs to resume."""
        if group.paused_reason == PAUSED_BY_ADMIN:
            log.info("group.resumed", group=group.group_id, by=actor_of(by).user_id)
            woken = await self._groups.resume(group.bot_id, group.group_id, was=PAUSED_BY_ADMIN, by=by)
            await self._applied(group.bot_id, woken or ())

    async def word(self, group: ProtectedGroup, text: str | None, by: UserId) -> ProtectedGroup:
        """Choose the words of the prompt, None for the catalog's; return the group as it is then."""
        await self._groups.set_prompt_text(group.bot_id, group.group_id, text, by)
        await self._applied(group.bot_id)
        return self._directory.group(group.bot_id, group.group_id) or group

    async def speak(self, group: ProtectedGroup, language: str, by: UserId) -> None:
        """Choose the language of what is said to a whole group."""
        await self._groups.set_language(group.bot_id, group.group_id, language, by)
        await self._applied(group.bot_id)

    async def unexempt(self, bot: BotId, group: GroupId, user: UserId, by: UserId) -> bool:
        """Ask somebody for the channels again; False when they were not exempt."""
        was_exempt = await self._groups.unexempt(bot, group, user, by)
        await self._applied(bot)
        return was_exempt

    async def exemptions(self, bot: BotId, group: GroupId) -> Sequence[Exemption]:
        """Return who is exempt, the last ones first."""
        return await self._groups.exemptions(bot, group, _MOST_EXEMPTIONS)

    async def observed(self, group: ProtectedGroup) -> Observed | None:
        """Report on a group that only observes; None for any other."""
        if group.policy.enforcement is not Enforcement.OBSERVE:
            return None
        since = self._clock.now() - timedelta(days=OBSERVED_DAYS)
        return await self._groups.observed(group.bot_id, group.group_id, since)

    async def _applied(self, bot: BotId, woken: tuple[CaseId, ...] = ()) -> None:
        await self._directory.refresh()
        await self._poke()
        self._wake(bot, woken)
