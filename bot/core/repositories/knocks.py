"""Requests to join, as rows of PostgreSQL."""

from collections.abc import Sequence

from bot.core.postgres.database import Database, Record
from bot.domain.ids import BotId, GroupId, InstanceId, MessageId, UserId
from bot.domain.knock import Knock


class PostgresKnocks:
    """Leases due requests to this instance."""

    def __init__(self, *, database: Database, instance: InstanceId) -> None:
        self._database = database
        self._instance = instance

    async def take(self, limit: int) -> Sequence[Knock]:
        """Lease due requests for 10 s."""
        return [_knock(row) for row in await self._database.rows("take_knocks", self._instance, limit)]

    async def told(self, knock: Knock, message: MessageId | None) -> None:
        """Remember what they were told, and wait until they join or the request expires."""
        await self._database.execute("knock_told", *_key(knock), self._instance, knock.version, message)

    async def later(self, knock: Knock, *, seconds: float) -> None:
        """Try again later."""
        await self._database.execute("knock_later", *_key(knock), self._instance, knock.version, seconds)

    async def done(self, knock: Knock) -> None:
        """Forget a request that was answered, unless there is a new one."""
        await self._database.execute("knock_done", *_key(knock), self._instance, knock.version)


def _key(knock: Knock) -> tuple[BotId, GroupId, UserId]:
    return knock.bot_id, knock.group_id, knock.user_id


def _knock(row: Record) -> Knock:
    return Knock(
        bot_id=BotId(row["bot_id"]),
        group_id=GroupId(row["group_id"]),
        user_id=UserId(row["user_id"]),
        language=row["language"],
        expires_at=row["expires_at"],
        is_told=row["is_told"],
        message_id=None if row["message_id"] is None else MessageId(row["message_id"]),
        version=row["version"],
        attempts=row["attempts"],
    )
