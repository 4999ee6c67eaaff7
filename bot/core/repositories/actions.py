"""Scheduled actions, as rows of PostgreSQL."""

from collections.abc import Sequence

from bot.core.postgres.database import Database, Record
from bot.domain.ids import BotId, EphemeralId, GroupId, InstanceId, MessageId, UserId
from bot.domain.intent import Deletion, EphemeralDeletion, Unban


class ScheduledActions:
    """Leases due actions to this instance."""

    def __init__(self, *, database: Database, instance: InstanceId) -> None:
        self._database = database
        self._instance = instance

    async def take(self, limit: int) -> Sequence[Deletion | EphemeralDeletion | Unban]:
        """Lease due actions for 10 s."""
        rows = await self._database.rows("take_actions", self._instance, limit)
        return [_action(row) for row in rows]

    async def delete_later(self, bot: BotId, chat: GroupId, messages: Sequence[MessageId], *, seconds: float) -> None:
        """Have messages deleted in so many seconds."""
        await self._database.execute("delete_later", bot, chat, list(messages), seconds)

    async def keep_for(self, bot: BotId, chat: GroupId, message: MessageId, *, seconds: float) -> None:
        """Put a deletion that waits off; nothing for a message that stays."""
        await self._database.execute("keep_message", bot, chat, message, seconds)

    async def lasting(self, bot: BotId, chat: GroupId) -> MessageId | None:
        """Return the last message that is to be deleted in some hours only."""
        row = await self._database.row("lasting_message", bot, chat)
        return None if row is None else MessageId(row["message_id"])

    async def done(self, actions: Sequence[int]) -> None:
        """Strike actions off."""
        await self._database.execute("actions_done", list(actions), self._instance)

    async def failed(self, actions: Sequence[int], error: str) -> None:
        """Try again later, at most ten times."""
        await self._database.execute("actions_failed", list(actions), self._instance, error)

    async def wait(self, actions: Sequence[int], *, seconds: float) -> None:
        """Put actions back that were not tried."""
        await self._database.execute("actions_wait", list(actions), self._instance, seconds)


def _action(row: Record) -> Deletion | EphemeralDeletion | Unban:
    where = (row["action_id"], BotId(row["bot_id"]), GroupId(row["chat_id"]))
    if row["kind"] == "unban":
        return Unban(*where, UserId(row["user_id"]), row["until"])
    if row["kind"] == "delete_ephemeral":
        return EphemeralDeletion(*where, UserId(row["user_id"]), EphemeralId(row["message_id"]))
    return Deletion(*where, MessageId(row["message_id"]))
