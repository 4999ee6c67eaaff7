"""Whom to verify in advance, from PostgreSQL, and how far that has come, in Redis."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.core.postgres.database import Database
from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.warming import Bookmark, Sighting

# What was verified before an interruption is forgotten by then: the next round begins at the beginning.
_BOOKMARK_SECONDS = 3600
_AWAY = (RedisError, OSError, TimeoutError)

log = structlog.stdlib.get_logger()


class SeenMembers:
    """The members of groups, as they were seen."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def count(self, bot: BotId, groups: Sequence[GroupId], *, since: datetime, beginning: Bookmark | None) -> int:
        """Count the members seen in these groups since then, in the bookmark's group those behind its sighting."""
        split = 0 if beginning is None else beginning.group_id
        end = _end(None if beginning is None else beginning.behind)
        row = await self._database.row("count_recently_seen", bot, list(groups), since, split, *end)
        return 0 if row is None else int(row["count"])

    async def page(
        self, bot: BotId, group: GroupId, *, since: datetime, behind: Sighting | None, limit: int
    ) -> Sequence[Sighting]:
        """Return members seen since then, those behind a sighting, the latest first."""
        rows = await self._database.rows("recently_seen", bot, group, since, *_end(behind), limit)
        return [Sighting(row["seen_at"], UserId(row["user_id"])) for row in rows]


class Bookmarks:
    """Where rounds were interrupted. Without Redis there are none: a round then begins at the beginning."""

    def __init__(self, *, redis: "Redis") -> None:
        self._redis = redis

    async def load(self, bot: BotId, shelf: int) -> Bookmark | None:
        """Return where the last round on this shelf stopped, if it did not come to its end."""
        try:
            held = await self._redis.get(_name(bot, shelf))
            return None if held is None else msgspec.json.decode(held, type=Bookmark)
        except (*_AWAY, msgspec.MsgspecError) as error:
            log.info("warming.bookmark_unreadable", error=str(error))
            return None

    async def save(self, bot: BotId, shelf: int, bookmark: Bookmark) -> None:
        """Remember for an hour."""
        try:
            await self._redis.set(_name(bot, shelf), msgspec.json.encode(bookmark), ex=_BOOKMARK_SECONDS)
        except _AWAY as error:
            log.info("warming.bookmark_not_saved", error=str(error))

    async def clear(self, bot: BotId, shelf: int) -> None:
        """Forget: the round has come to its end."""
        try:
            await self._redis.delete(_name(bot, shelf))
        except _AWAY as error:
            log.info("warming.bookmark_not_saved", error=str(error))


def _name(bot: BotId, shelf: int) -> str:
    return f"gmbot:warming:{bot}:{shelf}"


def _end(behind: Sighting | None) -> tuple[datetime, int]:
    """Return what everybody behind a sighting comes before, in the order of time; without one that is everybody."""
    if behind is None:
        return datetime.max.replace(tzinfo=UTC), 2**63 - 1
    return behind.seen_at, behind.user_id
