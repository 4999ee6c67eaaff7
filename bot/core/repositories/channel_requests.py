"""Requests to join channels, as rows of PostgreSQL."""

from collections.abc import Collection

from bot.core.postgres.database import Database
from bot.domain.ids import BotId, ChannelId, UserId


class ChannelRequests:
    """Knows who has asked, until they join or a week is over: asking again in that week counts for nothing."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def asked(self, bot: BotId, user: UserId, minutes: int) -> Collection[ChannelId]:
        """Return the channels that somebody has asked to join in the last minutes."""
        rows = await self._database.rows("channels_asked", bot, user, minutes)
        return frozenset(ChannelId(row["channel_id"]) for row in rows)

    async def forget(self) -> None:
        """Drop what is a week old."""
        await self._database.execute("forget_channel_requests")
