"""Events: written with what they are about, read by the page, and kept for as long as was asked."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from bot.core.clock import SystemClock
from bot.core.postgres.database import Database, open_database
from bot.core.postgres.statements import load_statements
from bot.core.redis.connection import open_redis
from bot.core.repositories.case_copies import CaseCopies
from bot.core.repositories.cases import CaseStore
from bot.core.repositories.events import EventStore
from bot.core.repositories.groups import PostgresGroups
from bot.core.repositories.updates import UpdateStore
from bot.domain.event import Cause, Event, EventKey, event_key
from bot.domain.heartbeat import DEAD_AFTER
from bot.domain.ids import BotId, CaseId, GroupId, InstanceId, MessageId, UpdateId, UserId
from bot.domain.intent import Intent, Moderated, Noted, OpenCase, Receipt, Regate, Want, WentAway
from bot.domain.policy import Enforcement
from bot.domain.restriction import Case, Done, PromptState, Wanted
from tests.contract.desk import ADMIN, BLOG, BOT, GROUP, NEWS, SETUP, USER
from tests.kits.platform import eventually

pytestmark = pytest.mark.servers

_INSTANCE = InstanceId(uuid4())


@dataclass(slots=True)
class Desk:
    """One instance's stores."""

    database: Database
    ledger: CaseStore
    inbox: UpdateStore
    groups: PostgresGroups
    events: EventStore
    number: int = 0

    async def commit(self, *intents: Intent) -> tuple[CaseId, ...]:
        self.number += 1
        claim = await self.inbox.claim(BOT, UpdateId(self.number))
        assert isinstance(claim, Receipt)
        return await self.inbox.settle(claim, intents)

    async def opened(self) -> Case:
        opening = OpenCase(
            BOT, GROUP, USER, "Sam", "en", Enforcement.MUTE, Wanted.MUTE, (MessageId(7),), missing=(NEWS,)
        )
        (case_id,) = await self.commit(opening)
        return await self.leased(case_id)

    async def leased(self, case_id: CaseId) -> Case:
        case = await self.ledger.lease(case_id)
        assert case is not None
        return case

    async def told(self) -> list[tuple[str, str | None]]:
        """Return what happened to the user and why, in order."""
        return [(event.kind, event.reason) for event in reversed(await self.events.of_user(BOT, USER))]


@pytest.fixture
async def desk(database_url: str, redis_url: str) -> AsyncIterator[Desk]:
    async with (
        open_database(database_url, pool_size=2, statements=load_statements()) as database,
        open_redis(redis_url) as redis,
    ):
        await database.execute("take_token", BOT, b"sealed", None, 0)
        await database.execute("beat", _INSTANCE, "host", "1", DEAD_AFTER)
        groups = PostgresGroups(database=database)
        await groups.protect(SETUP)
        yield Desk(
            database,
            CaseStore(database=database, instance=_INSTANCE, copies=CaseCopies(redis=redis, clock=SystemClock())),
            UpdateStore(database=database, instance=_INSTANCE),
            groups,
            EventStore(database=database),
        )


async def test_a_case_tells_its_story(desk: Desk) -> None:
    """Who was stopped, muted and freed, because of what, for the lack of which channels, and how long it took."""
    case = await desk.opened()
    muted = await desk.ledger.did(case, Done.MUTED, missing=(NEWS, BLOG))
    assert muted is not None
    await desk.ledger.prompted(muted, PromptState.SENT, message=MessageId(9), channels=(NEWS, BLOG))
    await desk.commit(Want((case.case_id,), Wanted.FREE, Cause.JOINED_CHANNEL))
    lifted = await desk.ledger.lifted(await desk.leased(case.case_id))
    assert lifted is not None
    await desk.ledger.close(lifted, outcome="freed")

    told = await desk.told()
    events = await desk.events.of_group(BOT, GROUP)
    assert told == [
        ("stopped", "message"),
        ("muted", "message"),
        ("lifted", "joined_channel"),
        ("freed", "joined_channel"),
    ]
    assert [event.channels for event in reversed(events)] == [(NEWS,), (NEWS, BLOG), (NEWS, BLOG), (NEWS, BLOG)]
    assert {event.case_id for event in events} == {case.case_id}
    assert all(event.seconds is not None and event.seconds >= 0 for event in events)


async def test_what_does_not_happen_leaves_no_event(desk: Desk) -> None:
    """A close that loses its race, a lease that is gone, an update that is not ours: no event either."""
    case = await desk.opened()
    await desk.commit(Want((case.case_id,), Wanted.CHECK, Cause.PRESS))

    assert await desk.ledger.close(case, outcome="freed") is False
    assert [kind for kind, _ in await desk.told()] == ["stopped"]


async def test_what_others_do_is_told(desk: Desk) -> None:
    """A moderator's restriction, un-mute or ban, and that the user went away."""
    await desk.opened()
    await desk.commit(WentAway(BOT, GROUP, USER))
    await desk.commit(Moderated(BOT, GROUP, USER, None))
    await desk.commit(Moderated(BOT, GROUP, USER, None, banned=True))

    assert (await desk.told())[1:] == [("left", None), ("moderated", "freed"), ("kicked", None)]


async def test_a_press_too_early_is_told(desk: Desk) -> None:
    """Although it changes nothing."""
    await desk.commit(Noted(BOT, GROUP, USER, "still_missing", Cause.PRESS, (BLOG,)))

    (event,) = await desk.events.of_user(BOT, USER, group=GROUP)
    assert (event.kind, event.reason, event.channels) == ("still_missing", "press", (BLOG,))


async def test_who_leaves_a_channel_is_stopped_for_that(desk: Desk) -> None:
    """The event names the channel."""
    await desk.groups.seen([(BOT, GROUP, USER, datetime.now(UTC))])
    await desk.commit(Regate(BOT, USER, NEWS, "Sam"))

    events = await desk.events.of_user(BOT, USER)
    assert [(event.kind, event.reason, event.channels) for event in reversed(events)] == [
        ("passed", "first_sight", ()),
        ("stopped", "left_channel", (NEWS,)),
    ]


async def test_who_leaves_while_their_case_is_being_closed_is_stopped(desk: Desk, database_url: str) -> None:
    """The worker that has freed them is about to commit: the leave waits for it, and opens another case."""
    await desk.groups.seen([(BOT, GROUP, USER, datetime.now(UTC))])
    case = await desk.opened()
    worker = await asyncpg.connect(database_url)

    async def waits() -> bool:
        return bool(await worker.fetch("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'transactionid'"))

    try:
        async with asyncio.TaskGroup() as tasks, worker.transaction():
            await worker.execute("SELECT FROM restrictions WHERE restriction_id = $1 FOR UPDATE", case.case_id)
            leaving = tasks.create_task(desk.commit(Regate(BOT, USER, NEWS, "Sam")))
            await eventually(waits, "the leave waits for what becomes of the case")
            await worker.execute(
                "UPDATE restrictions SET closed_at = now(), outcome = 'freed', due_at = 'infinity',"
                " lease_owner = NULL, lease_until = NULL WHERE restriction_id = $1",
                case.case_id,
            )
    finally:
        await worker.close()

    (opened,) = leaving.result()
    assert opened != case.case_id
    assert (await desk.leased(opened)).wanted is Wanted.MUTE


async def test_passing_is_told_once(desk: Desk) -> None:
    """At first sight; later messages of a member write no events."""
    now = datetime.now(UTC)
    for age in (30, 20, 10):
        await desk.groups.seen([(BOT, GROUP, USER, now - timedelta(minutes=age))])

    assert await desk.told() == [("passed", "first_sight")]


async def test_unprotecting_says_so(desk: Desk) -> None:
    """Why somebody was freed is known to the end of the case."""
    case = await desk.opened()
    await desk.groups.unprotect(BOT, GROUP, ADMIN)
    await desk.ledger.close(await desk.leased(case.case_id), outcome="passed")

    assert (await desk.told())[-1] == ("passed", "unprotect")


async def test_pages_meet_without_gap_or_overlap(desk: Desk) -> None:
    """Also where many events have the same time; and a key survives being printed."""
    for _ in range(5):
        await desk.commit(*(Noted(BOT, GROUP, USER, "still_missing", Cause.PRESS) for _ in range(5)))
    found: list[Event] = []
    key: EventKey | None = None
    while page := await desk.events.of_group(BOT, GROUP, before=key, limit=7):
        found.extend(page)
        key = event_key(str(page[-1].key))

    numbers = [event.key.number for event in found]
    assert len(numbers) == 25
    assert numbers == sorted(numbers, reverse=True)
    assert [event.key for event in await desk.events.of_bot(BOT, limit=25)] == [event.key for event in found]


async def test_no_bot_sees_another_one_s_events(desk: Desk) -> None:
    """Neither by group nor by user nor by itself."""
    await desk.opened()
    other = BotId(77)

    assert await desk.events.of_bot(other) == []
    assert await desk.events.of_group(other, GROUP) == []
    assert await desk.events.of_user(other, USER) == []
    assert await desk.events.of_user(BOT, USER, group=GroupId(-5)) == []
    assert await desk.events.of_user(BOT, UserId(5)) == []


async def test_a_group_s_days_are_counted(desk: Desk) -> None:
    """By what happened, with the people it happened to; and a user's cases are listed."""
    case = await desk.opened()
    await desk.ledger.close(case, outcome="exempt")
    await desk.commit(*(Noted(BOT, GROUP, USER, "still_missing", Cause.PRESS) for _ in range(3)))

    counts = {count.kind: (count.events, count.users) for count in await desk.events.counts(BOT, GROUP, days=7)}
    (past,) = await desk.events.cases(BOT, USER)
    assert counts == {"stopped": (1, 1), "exempt": (1, 1), "still_missing": (3, 1)}
    assert (past.outcome, past.cause, past.group_id) == ("exempt", "message", GROUP)
    assert past.closed_at is not None


@pytest.mark.parametrize("text", ["", "yesterday/7", "2026-01-01T00:00:00/7", "2026-01-01T00:00:00+00:00/x", "7"])
def test_a_key_that_is_none_is_refused(text: str) -> None:
    """Instead of showing the first page again."""
    with pytest.raises(ValueError, match=r"."):
        event_key(text)


async def test_without_a_partition_an_event_is_kept_all_the_same(desk: Desk, database_url: str) -> None:
    """Nothing that happens to a member may fail for want of a place to write it down."""
    connection = await asyncpg.connect(database_url)
    for row in await connection.fetch(
        "SELECT inhrelid::regclass::text AS part FROM pg_inherits"
        " WHERE inhparent = 'verification_events'::regclass AND inhrelid::regclass::text ~ '\\d'"
    ):
        await connection.execute(f"DROP TABLE {row['part']}")
    await connection.close()

    await desk.opened()
    assert await desk.told() == [("stopped", "message")]
