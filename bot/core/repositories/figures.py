"""The figures of groups, counted by PostgreSQL."""

from collections.abc import Sequence

from bot.core.postgres.database import Database
from bot.domain.ids import BotId, GroupId
from bot.domain.stats import Day


class PostgresFigures:
    """Counts days."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def days(self, bot: BotId, group: GroupId, former: Sequence[GroupId], count: int) -> Sequence[Day]:
        """Return the days of a group, the last one today; `former` are ids it had before."""
        rows = await self._database.rows("group_figures", bot, group, [group, *former], count)
        return [Day(**row) for row in rows]
