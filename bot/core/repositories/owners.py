"""Whose the bots are, as rows of PostgreSQL."""

from collections.abc import Sequence

from bot.core.postgres.database import Database
from bot.core.repositories.configuration import audit
from bot.domain.errors import NotHostedError
from bot.domain.ids import BotId, UserId
from bot.domain.operator import By


class OwnerStore:
    """Reads and changes owners. Each change stands in the audit."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def bots_of_owner(self, user: UserId) -> frozenset[BotId]:
        """Return the bots that are registered as somebody's own."""
        return frozenset(BotId(row["bot_id"]) for row in await self._database.rows("bots_of_owner", user))

    async def owners_of_bot(self, bot: BotId) -> Sequence[UserId]:
        """Return whose a bot is, the first one first."""
        return [UserId(row["user_id"]) for row in await self._database.rows("owners_of_bot", bot)]

    async def add_owner(self, bot: BotId, user: UserId, by: By) -> bool:
        """Note an owner; False when it is one already. Raises NotHostedError."""
        async with self._database.transaction() as session:
            if await session.row("lock_bot", bot) is None:
                raise NotHostedError(f"there is no bot {bot}")
            added = await session.row("add_owner", bot, user) is not None
            if added:
                await audit(session, bot, by, "owner_add", None, {"user": user})
        return added

    async def drop_owner(self, bot: BotId, user: UserId, by: By) -> bool:
        """Forget an owner; False when it is none."""
        async with self._database.transaction() as session:
            dropped = await session.row("drop_owner", bot, user) is not None
            if dropped:
                await audit(session, bot, by, "owner_remove", None, {"user": user})
        return dropped
