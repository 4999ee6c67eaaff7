"""What a group's admins choose after it is protected: its policy and its exemptions."""

from collections.abc import Sequence
from datetime import timedelta

from bot.domain.group import Exemption, Observed, ProtectedGroup
from bot.domain.ids import BotId, CaseId, GroupId, UserId
from bot.domain.policy import Enforcement, Policy
from bot.services.directory import Directory
from bot.services.ports import Clock, GroupStore, Poke, Waker

# What a report looks back on.
OBSERVED_DAYS = 7
_MOST_EXEMPTIONS = 20


class Policies:
    """Changes take effect on this instance at once, and soon everywhere."""

    def __init__(self, *, directory: Directory, groups: GroupStore, clock: Clock, wake: Waker, poke: Poke) -> None:
        self._directory = directory
        self._groups = groups
        self._clock = clock
        self._wake = wake
        self._poke = poke

    async def choose(self, group: ProtectedGroup, policy: Policy, by: UserId) -> ProtectedGroup:
        """Choose a policy; return the group as it is then."""
        await self._applied(await self._groups.set_policy(group.bot_id, group.group_id, policy, by))
        return self._directory.group(group.bot_id, group.group_id) or group

    async def exempt(self, bot: BotId, group: GroupId, who: Exemption, by: UserId) -> None:
        """Let somebody write whatever they are in, from now on."""
        await self._applied(await self._groups.exempt(bot, group, who, by))

    async def unexempt(self, bot: BotId, group: GroupId, user: UserId, by: UserId) -> bool:
        """Ask somebody for the channels again; False when they were not exempt."""
        was_exempt = await self._groups.unexempt(bot, group, user, by)
        await self._applied(())
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

    async def _applied(self, woken: tuple[CaseId, ...]) -> None:
        await self._directory.refresh()
        await self._poke()
        self._wake(woken)
