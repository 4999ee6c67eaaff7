"""Verifying a group's members in advance, when an operator asks for it."""

from collections.abc import Callable

from bot.domain.errors import NotFoundError
from bot.domain.ids import BotId, GroupId
from bot.domain.operator import Operator, Rank
from bot.domain.warming import WarmupStats
from bot.services.operating.jobs import Job, Jobs, Watch
from bot.services.ports.operating import KnownGroups, Notes, WarmsGroups


class Warmings:
    """Warms groups. Raises NotReadyError without Redis."""

    def __init__(
        self, *, groups: KnownGroups, warmer: Callable[[BotId], WarmsGroups], jobs: Jobs, notes: Notes
    ) -> None:
        self._groups = groups
        self._warmer = warmer
        self._jobs = jobs
        self._notes = notes

    async def start(self, who: Operator, bot: BotId, group: GroupId) -> Job:
        """Begin, and return at once. Raises NotFoundError."""
        who.need(Rank.OPERATOR, bot)
        if self._groups.group(bot, group) is None:
            raise NotFoundError(f"the bot {bot} knows no group {group}")

        async def work(watch: Watch) -> str:
            def count(stats: WarmupStats, expected: int) -> None:
                watch(stats["verified"] + stats["not_verified"] + stats["errors"], expected)

            stats = await self._warmer(bot).group(group, watch=count)
            watch(stats["total_users"], stats["total_users"])
            return f"{stats['verified']} members, {stats['not_verified']} not, {stats['errors']} without an answer"

        await self._notes.note(who.actor, bot, "warm", group, {})
        return await self._jobs.start("Verifying members in advance", bot, work)
