"""Who was seen lately, on a real PostgreSQL, and bookmarks on a real Redis."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from bot.core.postgres.database import open_database
from bot.core.postgres.statements import load_statements
from bot.core.redis.connection import open_redis
from bot.core.repositories.groups import PostgresGroups
from bot.core.repositories.warming import Bookmarks, SeenMembers
from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.warming import Bookmark, Sighting

pytestmark = pytest.mark.servers

BOT, GROUP, OTHER = BotId(1), GroupId(-1001), GroupId(-1002)
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
_TESTS_OWN = {
    "add": "INSERT INTO bots (bot_id, username, token_encrypted) VALUES ($1, '', 'sealed')",
    "hold": """
        INSERT INTO restrictions (bot_id, group_id, user_id, user_name, language, enforcement, wanted, closed_at)
        VALUES ($1, $2, $3, 'Sam', 'en', 'mute', 'mute', $4)
    """,
}
WEEK_AGO = NOW - timedelta(days=7)


@pytest.fixture
async def recent(database_url: str) -> AsyncIterator[SeenMembers]:
    """Have five members seen, two of them in the same moment, one long ago."""
    async with open_database(database_url, pool_size=2, statements={**load_statements(), **_TESTS_OWN}) as database:
        await database.execute("add", BOT)
        ages = {1: 1.0, 2: 2.0, 3: 2.0, 4: 5.0, 5: 8.0}
        groups = PostgresGroups(database=database)
        await groups.seen([(BOT, GROUP, UserId(user), NOW - timedelta(days=days)) for user, days in ages.items()])
        await groups.seen([(BOT, OTHER, UserId(9), NOW), (BOT, OTHER, UserId(10), NOW), (BOT, OTHER, UserId(11), NOW)])
        await database.execute("hold", BOT, OTHER, 10, None)
        await database.execute("hold", BOT, GROUP, 9, None)
        await database.execute("hold", BOT, OTHER, 11, NOW)
        yield SeenMembers(database=database)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """Connect to the test's Redis."""
    async with open_redis(redis_url) as client:
        yield client


async def test_pages_come_in_order_and_leave_nobody_out(recent: SeenMembers) -> None:
    """The latest first; a page may end between two who were seen in the same moment."""
    found: list[UserId] = []
    behind: Sighting | None = None
    while page := await recent.page(BOT, GROUP, since=WEEK_AGO, behind=behind, limit=2):
        found += [sighting.user_id for sighting in page]
        behind = page[-1]

    assert found == [1, 3, 2, 4]


async def test_who_is_held_back_is_left_out(recent: SeenMembers) -> None:
    """Here, and now: not for a case elsewhere, nor for one that is closed."""
    page = await recent.page(BOT, OTHER, since=WEEK_AGO, behind=None, limit=9)

    assert [sighting.user_id for sighting in page] == [11, 9]


async def test_only_recent_members_of_these_groups_are_counted(recent: SeenMembers) -> None:
    """In each group for itself; where a round goes on, only those who are left."""

    async def count(*groups: GroupId, beginning: Bookmark | None = None) -> int:
        return await recent.count(BOT, groups, since=WEEK_AGO, beginning=beginning)

    in_the_middle = Sighting(NOW - timedelta(days=2), UserId(3))

    assert await count(GROUP) == 4
    assert await count(GROUP, OTHER) == 6
    assert await count() == 0
    assert await count(GROUP, OTHER, beginning=Bookmark(GROUP, in_the_middle)) == 4
    assert await count(GROUP, OTHER, beginning=Bookmark(GROUP, None)) == 6
    assert await recent.count(BotId(2), [GROUP], since=WEEK_AGO, beginning=None) == 0


@pytest.mark.parametrize("behind", [None, Sighting(NOW - timedelta(microseconds=1), UserId(2**52 - 1))])
async def test_a_bookmark_comes_back_as_it_was(redis: "Redis", behind: Sighting | None) -> None:
    """On its own shelf, for its own bot, for an hour, until it is cleared."""
    bookmarks = Bookmarks(redis=redis)
    await bookmarks.save(BOT, 0, Bookmark(GROUP, behind))
    left = [await redis.ttl(key) for key in await redis.keys("gmbot:warming:*")]

    assert await bookmarks.load(BOT, 0) == Bookmark(GROUP, behind)
    assert await bookmarks.load(BOT, GROUP) is None
    assert await bookmarks.load(BotId(2), 0) is None
    assert left[0] > 3590
    await bookmarks.clear(BOT, 0)
    assert await bookmarks.load(BOT, 0) is None


async def test_an_unreadable_bookmark_is_none(redis: "Redis") -> None:
    """A round then begins at the beginning."""
    await redis.set("gmbot:warming:1:0", b'{"behind": 3}')

    assert await Bookmarks(redis=redis).load(BOT, 0) is None


async def test_without_redis_there_are_no_bookmarks() -> None:
    """And nothing fails."""
    async with open_redis("redis://127.0.0.1:1") as nowhere:
        bookmarks = Bookmarks(redis=nowhere)
        await bookmarks.save(BOT, 0, Bookmark(GROUP, None))
        await bookmarks.clear(BOT, 0)

        assert await bookmarks.load(BOT, 0) is None
