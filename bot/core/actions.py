"""Scheduled actions, as rows of PostgreSQL."""

from collections.abc import Sequence

from bot.core.database import Database
from bot.domain.ids import BotId, GroupId, InstanceId, MessageId
from bot.domain.intent import Deletion


class ScheduledActions:
    """Leases due actions to this instance."""

    def __init__(self, *, database: Database, instance: InstanceId) -> None:
        self._database = database
        self._instance = instance

    async def take(self, limit: int) -> Sequence[Deletion]:
        """Lease due actions for 10 s."""
        rows = await self._database.rows("take_actions", self._instance, limit)
        return [
            Deletion(row["action_id"], BotId(row["bot_id"]), GroupId(row["chat_id"]), MessageId(row["message_id"]))
            for row in rows
        ]

    async def done(self, action_id: int) -> None:
        """Strike an action off."""
        await self._database.execute("action_done", [action_id], self._instance)

    async def failed(self, action_id: int, error: str) -> None:
        """Try again later."""
        await self._database.execute("action_failed", [action_id], self._instance, error)
