"""Copies written anew after Redis lost them: all of what is open, by one instance, and nothing that is out of date."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from bot.core.clock import SystemClock
from bot.core.postgres.database import Database, open_database
from bot.core.postgres.statements import load_statements
from bot.core.redis.connection import open_redis
from bot.core.repositories.case_copies import CaseCopies
from bot.core.repositories.cases import CaseStore
from bot.core.repositories.copying_anew import CopyingAnew
from bot.domain.ids import BotId, CaseId, InstanceId, UserId
from bot.domain.restriction import Done
from tests.kits.platform import eventually

pytestmark = pytest.mark.servers

BOT = BotId(42)
# Of whom four fifths have been muted: two pages.
MANY = 450
_TESTS_OWN = {
    "own_bot": "INSERT INTO bots (bot_id, username, token_encrypted) VALUES ($1, '', 'sealed')",
    "own_cases": """
        INSERT INTO restrictions
            (bot_id, group_id, user_id, user_name, language, enforcement, wanted, done, our_until, closed_at, due_at)
        SELECT $1, -1001, n, 'Sam', 'en', 'mute', 'mute',
               CASE WHEN n % 10 = 1 THEN 'nothing' ELSE 'muted' END,
               CASE WHEN n % 10 = 1 THEN NULL ELSE now() + interval '300 days' END,
               CASE WHEN n % 10 = 2 THEN now() END, 'infinity'
        FROM generate_series(1, $2::bigint) n
        RETURNING restriction_id
    """,
}


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator["Redis"]:
    """Connect to an empty Redis."""
    async with open_redis(redis_url) as redis:
        yield redis


@pytest.fixture
def asked() -> list[str]:
    """Collect the names of statements."""
    return []


@pytest.fixture
async def database(database_url: str, asked: list[str]) -> AsyncIterator[Database]:
    """Open a database with cases in each state."""
    statements = {**load_statements(), **_TESTS_OWN}
    async with open_database(
        database_url, pool_size=4, statements=statements, observe=lambda statement, _: asked.append(statement)
    ) as database:
        await database.execute("own_bot", BOT)
        await database.rows("own_cases", BOT, MANY)
        yield database


class Instance:
    """One instance's copies, and what writes them anew."""

    def __init__(self, redis: "Redis", database: Database) -> None:
        self.copies = CaseCopies(redis=redis, clock=SystemClock())
        self.anew = CopyingAnew(redis=redis, database=database, copies=self.copies, clock=SystemClock())

    async def copied(self, user: int) -> bool:
        """Whether a user's case has its copy."""
        return len(await self.copies.of_user(BOT, UserId(user))) == 1


async def whole(redis: "Redis") -> bool:
    """Whether Redis says that it has all copies."""
    return bool(await redis.exists("gmbot:cases:whole"))


async def test_all_open_mutes_are_copied_again_after_a_loss(redis: "Redis", database: Database) -> None:
    """With the first start, and with each loss; what is closed or has muted nobody has none."""
    instance = Instance(redis, database)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(instance.anew.run())
        await eventually(lambda: whole(redis), "all are copied")
        await redis.flushall()
        await eventually(lambda: whole(redis), "all are copied again")
        running.cancel()
    found = {user for user in range(1, MANY + 1) if await instance.copied(user)}

    assert found == {user for user in range(1, MANY + 1) if user % 10 not in {1, 2}}


async def test_one_of_many_instances_writes(redis: "Redis", database: Database, asked: list[str]) -> None:
    """The others wait for the mark, and do not write the same once more."""
    instances = [Instance(redis, database) for _ in range(3)]
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(each.anew.run()) for each in instances]
        await eventually(lambda: whole(redis), "all are copied")
        await asyncio.sleep(1.2)
        for task in running:
            task.cancel()

    # Two pages, and one that is empty.
    assert asked.count("muting_cases") == 3


async def test_a_loss_in_the_middle_lets_nothing_old_in(redis: "Redis", database: Database) -> None:
    """What was read before Redis lost a newer copy is not written, and the next round writes what is true."""
    instance = Instance(redis, database)
    token = "an instance that stood still"
    await redis.set("gmbot:cases:turn", token)
    rows = await database.rows("muting_cases", 0, -(2**62), 0, 10)
    await redis.flushall()
    await redis.set("gmbot:cases:turn", "another's turn", px=1_000)

    assert not await instance.anew.write(token, rows)
    assert not await instance.copied(3)


async def test_what_is_newer_stays(redis: "Redis", database: Database) -> None:
    """A case that is lifted while its page is on the way keeps the mark that there is no copy."""
    instance = Instance(redis, database)
    rows = await database.rows("muting_cases", 0, -(2**62), 0, 10)
    ledger = CaseStore(database=database, instance=InstanceId(uuid4()), copies=instance.copies)
    case = await ledger.lease(CaseId(rows[0]["restriction_id"]))
    assert case is not None
    lifted = await ledger.lifted(case)
    assert lifted is not None
    await redis.set("gmbot:cases:turn", "mine")
    written = await instance.anew.write("mine", rows)

    assert lifted.done is Done.LIFTED
    assert written
    assert not await instance.copied(rows[0]["user_id"])
    assert await instance.copied(rows[1]["user_id"])


async def test_a_process_does_not_believe_what_it_once_wrote(redis: "Redis", database: Database) -> None:
    """After a loss, a case that is leased again is copied again, also when its process had written the same."""
    instance = Instance(redis, database)
    rows = await database.rows("muting_cases", 0, -(2**62), 0, 1)
    ledger = CaseStore(database=database, instance=InstanceId(uuid4()), copies=instance.copies)
    await ledger.lease(CaseId(rows[0]["restriction_id"]))
    await redis.flushall()
    instance.copies.forget_written()
    await ledger.lease(CaseId(rows[0]["restriction_id"]))

    assert await instance.copied(rows[0]["user_id"])
