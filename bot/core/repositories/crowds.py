"""Shared prompts, as rows of PostgreSQL."""

from collections.abc import Sequence
from datetime import timedelta

from bot.core.postgres.database import Database, Record
from bot.domain.crowd import Crowd
from bot.domain.ids import BotId, GroupId, InstanceId, MessageId, TopicId
from bot.domain.restriction import PROMPT_LIFE

# An edit counts like a message. The count follows quickly at first, and five times in the first minute at most.
_SHORTEST_QUIET = timedelta(seconds=3)
_LONGEST_QUIET = timedelta(seconds=30)


class PostgresCrowds:
    """Leases shared prompts to this instance."""

    def __init__(self, *, database: Database, instance: InstanceId) -> None:
        self._database = database
        self._instance = instance

    async def take(self, limit: int) -> Sequence[Crowd]:
        """Lease what is due for 10 s."""
        return [_crowd(row) for row in await self._database.rows("take_shared_prompts", self._instance, limit)]

    async def stands(self, crowd: Crowd, message: MessageId | None, *, shown: int) -> None:
        """Record where the shared prompt is and what it says."""
        await self._database.execute(
            "shared_prompt_stands",
            crowd.bot_id,
            crowd.group_id,
            self._instance,
            message,
            shown,
            crowd.version,
            _SHORTEST_QUIET,
            _LONGEST_QUIET,
            PROMPT_LIFE,
            crowd.waiting > 0,
        )

    async def later(self, crowd: Crowd, *, seconds: float) -> None:
        """Try again later."""
        await self._database.execute("shared_prompt_later", crowd.bot_id, crowd.group_id, self._instance, seconds)


def _crowd(row: Record) -> Crowd:
    return Crowd(
        bot_id=BotId(row["bot_id"]),
        group_id=GroupId(row["group_id"]),
        topic_id=None if row["topic_id"] is None else TopicId(row["topic_id"]),
        message_id=None if row["message_id"] is None else MessageId(row["message_id"]),
        shown=row["shown"],
        waiting=row["waiting"],
        sent_at=row["sent_at"],
        version=row["version"],
        attempts=row["attempts"],
    )
