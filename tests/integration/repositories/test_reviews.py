"""Whose turn it is to be compared with Telegram, on a real PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import datetime
from uuid import uuid4

import pytest

from bot.core.clock import SystemClock
from bot.core.postgres.database import Database, open_database
from bot.core.postgres.statements import load_statements
from bot.core.redis.connection import open_redis
from bot.core.repositories.case_copies import CaseCopies
from bot.core.repositories.cases import CaseStore
from bot.core.repositories.reviews import ReviewStore
from bot.domain.ids import CaseId, InstanceId
from bot.domain.restriction import Wanted

pytestmark = pytest.mark.servers

BOT, GROUP = 1, -1001
_TESTS_OWN = {
    "protect": """
        INSERT INTO protected_groups (bot_id, group_id, title, configured_by, seq) VALUES ($1, $2, 'Lounge', 9, 1)
    """,
    "muted": """
        INSERT INTO restrictions
          (bot_id, group_id, user_id, user_name, language, enforcement, wanted, done, done_at, due_at)
        VALUES ($1, $2, $3, 'Sam', 'en', 'mute', 'mute', 'muted', now() - make_interval(days => $4), 'infinity')
        RETURNING restriction_id
    """,
    "pause": "UPDATE protected_groups SET paused_reason = 'rights_lost' WHERE group_id = $1",
    "disable": "UPDATE bots SET enabled = false WHERE bot_id = $1",
    "wake": "UPDATE restrictions SET due_at = now() WHERE restriction_id = $1",
    "go_away": "UPDATE restrictions SET wanted = 'check', prompt_state = 'gone' WHERE restriction_id = $1",
    "change": "UPDATE restrictions SET version = version + 1 WHERE restriction_id = $1",
}


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Open the test's database, with one bot that guards one group."""
    async with open_database(database_url, pool_size=4, statements={**load_statements(), **_TESTS_OWN}) as database:
        await database.execute("take_token", BOT, b"sealed", None, 0)
        await database.execute("protect", BOT, GROUP)
        yield database


@pytest.fixture
def reviews(database: Database) -> ReviewStore:
    """Return the reviews."""
    return ReviewStore(database=database)


async def muted(database: Database, user: int, *, days: int = 1) -> CaseId:
    """Have somebody muted so many days ago, at rest since."""
    row = await database.row("muted", BOT, GROUP, user, days)
    assert row is not None
    return CaseId(row["restriction_id"])


async def now(reviews: ReviewStore) -> datetime:
    """Return the time that a round would start at."""
    return await reviews.now()


async def test_the_oldest_come_first_and_each_once(database: Database, reviews: ReviewStore) -> None:
    """Until the next round begins."""
    young, old = await muted(database, 3), await muted(database, 4, days=9)
    started = await now(reviews)

    picked = [await reviews.put_under_review(before=started, limit=1) for _ in range(3)]

    assert picked == [[old], [young], []]
    assert await reviews.under_review() == 2


async def test_who_was_muted_after_the_round_began_is_left_out(database: Database, reviews: ReviewStore) -> None:
    """Telegram was asked about them a moment ago."""
    started = await now(reviews)
    await muted(database, 3, days=0)

    assert await reviews.put_under_review(before=started, limit=10) == []


async def test_who_went_away_is_looked_at_too(database: Database, reviews: ReviewStore) -> None:
    """They may have joined the channels and come back while nobody listened."""
    case = await muted(database, 3)
    await database.execute("go_away", case)

    assert await reviews.put_under_review(before=await now(reviews), limit=10) == [case]


async def test_only_what_rests_behind_a_gate_that_is_on(database: Database, reviews: ReviewStore) -> None:
    """A case at work is looked at anyway; without a gate the worker would take it for one to end."""
    case = await muted(database, 3)
    await database.execute("wake", case)
    assert await reviews.put_under_review(before=await now(reviews), limit=10) == []

    await muted(database, 4)
    await database.execute("pause", GROUP)
    assert await reviews.put_under_review(before=await now(reviews), limit=10) == []


async def test_a_bot_that_is_not_served_is_left_alone(database: Database, reviews: ReviewStore) -> None:
    """Nobody could ask for it."""
    await muted(database, 3)
    await database.execute("disable", BOT)

    assert await reviews.put_under_review(before=await now(reviews), limit=10) == []


async def test_any_change_ends_a_review(database: Database, reviews: ReviewStore, redis_url: str) -> None:
    """An event during the review is not mistaken for a part of it."""
    case_id = await muted(database, 3)
    await reviews.put_under_review(before=await now(reviews), limit=10)
    async with open_redis(redis_url) as redis:
        copies = CaseCopies(redis=redis, clock=SystemClock())
        ledger = CaseStore(database=database, instance=InstanceId(uuid4()), copies=copies)
        case = await ledger.lease(case_id)
        assert case is not None
        assert case.under_review

        await database.execute("change", case_id)
        changed = await ledger.want(case, Wanted.MUTE)

    assert changed is not None
    assert (changed.wanted, changed.under_review) == (Wanted.CHECK, False)
    assert await reviews.under_review() == 0
