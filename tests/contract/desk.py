"""Two instances at one ledger, in memory or in PostgreSQL, with a clock that a test can move."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from bot.core.clock import SystemClock
from bot.core.postgres.database import Database, open_database
from bot.core.postgres.statements import load_statements
from bot.core.redis.connection import open_redis
from bot.core.repositories.case_copies import CaseCopies
from bot.core.repositories.cases import CaseStore
from bot.core.repositories.crowds import PostgresCrowds
from bot.core.repositories.groups import PostgresGroups
from bot.core.repositories.updates import UpdateStore
from bot.domain.group import Channel, GroupSetup
from bot.domain.heartbeat import DEAD_AFTER
from bot.domain.ids import BotId, CaseId, ChannelId, GroupId, InstanceId, MessageId, UpdateId, UserId
from bot.domain.intent import Intent, OpenCase, Receipt
from bot.domain.policy import Enforcement
from bot.domain.restriction import Case, Wanted
from bot.services.ports.groups import PolicyStore
from bot.services.ports.ledger import CaseLedger, Inbox
from bot.services.ports.membership import ActivityStore
from bot.services.ports.prompts import Crowds
from tests.fakes.ports import FakeClock
from tests.fakes.store import FakeCrowds, FakeLedger, FakeStore
from tests.fakes.tables import FakeGroups, FakeInbox

BOT, OTHER_BOT = BotId(42), BotId(43)
GROUP, NEWS, BLOG = GroupId(-1001), ChannelId(-2001), ChannelId(-2002)
ADMIN, USER = UserId(1), UserId(3)

SETUP = GroupSetup(
    bot_id=BOT,
    group_id=GROUP,
    title="Lounge",
    username=None,
    basic_group=False,
    language="en",
    channels=(Channel(NEWS, "News", "gm_news", None), Channel(BLOG, "Blog", None, "https://t.me/+abc")),
    by=ADMIN,
)


@dataclass(slots=True)
class Desk:
    """What two instances see, and how time passes for both."""

    ledger: CaseLedger
    rival: CaseLedger
    inbox: Inbox
    rival_inbox: Inbox
    groups: PolicyStore
    activity: ActivityStore
    crowds: Crowds
    pass_time: Callable[[float], Awaitable[None]]
    die: Callable[[], Awaitable[None]]
    """The first instance stops beating."""
    now: Callable[[], datetime]
    scheduled: Callable[[], Awaitable[set[MessageId]]]
    """Which messages are to be deleted apart from any case."""
    number: int = 0

    async def commit(self, *intents: Intent) -> tuple[CaseId, ...]:
        """Commit the intents of one update."""
        self.number += 1
        claim = await self.inbox.claim(BOT, UpdateId(self.number))
        assert isinstance(claim, Receipt)
        return await self.inbox.settle(claim, intents)

    def opening(self, user: UserId = USER, **changes: object) -> OpenCase:
        """Return the intent to look into somebody."""
        intent = OpenCase(BOT, GROUP, user, "Sam", "en", Enforcement.MUTE, Wanted.MUTE, (MessageId(7),))
        return replace(intent, **changes)  # type: ignore[arg-type]  # names are the intent's own

    async def leased(self, user: UserId = USER, **changes: object) -> Case:
        """Open a case and take it."""
        (case_id,) = await self.commit(self.opening(user, **changes))
        case = await self.ledger.lease(case_id)
        assert case is not None
        return case


def _in_memory() -> Desk:
    clock = FakeClock()
    store = FakeStore(clock)
    first, second = InstanceId(uuid4()), InstanceId(uuid4())
    groups = FakeGroups(store)

    async def pass_time(seconds: float) -> None:
        clock.advance(seconds)

    async def die() -> None:
        store.alive.discard(first)

    async def scheduled() -> set[MessageId]:
        return {deletion.message_id for deletion in store.deletions}

    return Desk(
        FakeLedger(store, first),
        FakeLedger(store, second),
        FakeInbox(store, first),
        FakeInbox(store, second),
        groups,
        groups,
        FakeCrowds(store, first),
        pass_time,
        die,
        clock.now,
        scheduled,
    )


async def _in_postgres(database: Database, redis: "Redis") -> Desk:
    first, second = InstanceId(uuid4()), InstanceId(uuid4())
    for bot in (BOT, OTHER_BOT):
        await database.execute("take_token", bot, b"sealed", None, 0)
    for instance in (first, second):
        await database.execute("beat", instance, "host", "1", DEAD_AFTER)
    groups = PostgresGroups(database=database)
    copies = CaseCopies(redis=redis, clock=SystemClock())

    async def pass_time(seconds: float) -> None:
        """Let every time in the tables be that much longer ago."""
        await database.execute("age_cases", seconds)
        await database.execute("age_claims", seconds)
        await database.execute("age_crowds", seconds)

    async def die() -> None:
        await database.execute("leave", first)

    async def scheduled() -> set[MessageId]:
        return {MessageId(row["message_id"]) for row in await database.rows("scheduled_deletions")}

    row = await database.row("db_now")
    assert row is not None
    now: datetime = row["now"]
    return Desk(
        CaseStore(database=database, instance=first, copies=copies),
        CaseStore(database=database, instance=second, copies=copies),
        UpdateStore(database=database, instance=first),
        UpdateStore(database=database, instance=second),
        groups,
        groups,
        PostgresCrowds(database=database, instance=first),
        pass_time,
        die,
        lambda: now,
        scheduled,
    )


_TIME = {
    "scheduled_deletions": "SELECT message_id FROM scheduled_actions WHERE kind = 'delete_message'",
    "age_cases": """
        UPDATE restrictions
        SET lease_until = lease_until - make_interval(secs => $1), due_at = due_at - make_interval(secs => $1),
            done_at = done_at - make_interval(secs => $1)
    """,
    "age_crowds": """
        UPDATE shared_prompts
        SET minute_at = minute_at - make_interval(secs => $1), due_at = due_at - make_interval(secs => $1),
            sent_at = sent_at - make_interval(secs => $1), quiet_until = quiet_until - make_interval(secs => $1),
            lease_until = lease_until - make_interval(secs => $1)
    """,
    "age_claims": "UPDATE updates_done SET claimed_at = claimed_at - make_interval(secs => $1)",
    "db_now": "SELECT now()",
}


@pytest.fixture(params=["memory", "postgres"])
async def desk(request: pytest.FixtureRequest, database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    """Return the desk of a protected group."""
    if request.param == "memory":
        desk = _in_memory()
        await desk.groups.protect(SETUP)
        yield desk
        return
    async with (
        open_database(database_url, pool_size=4, statements={**load_statements(), **_TIME}) as database,
        open_redis(redis_url) as redis,
    ):
        desk = await _in_postgres(database, redis)
        await desk.groups.protect(SETUP)
        yield desk
