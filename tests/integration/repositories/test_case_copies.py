"""Copies of open cases and kept updates in a real Redis: never older than what they stand for, never lost alone."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from bot.core.clock import SystemClock
from bot.core.postgres.database import open_database
from bot.core.postgres.statements import load_statements
from bot.core.redis.connection import open_redis
from bot.core.redis.kept_updates import RedisBacklog
from bot.core.repositories.case_copies import CaseCopies
from bot.core.repositories.cases import CaseStore
from bot.domain.errors import NotReadyError
from bot.domain.ids import BotId, CaseId, GroupId, InstanceId, MessageId, UpdateId, UserId
from bot.domain.intent import KeptUpdate
from bot.domain.permissions import Prior
from bot.domain.policy import Enforcement
from bot.domain.restriction import Case, Done, PromptState, Wanted
from tests.faults.proxy import Proxy, proxied
from tests.kits.platform import eventually

pytestmark = pytest.mark.servers

BOT, OTHER_BOT, GROUP, USER = BotId(42), BotId(43), GroupId(-1001), UserId(3)
_TESTS_OWN = {
    "own_bot": "INSERT INTO bots (bot_id, username, token_encrypted) VALUES ($1, '', 'sealed')",
    "own_case": """
        INSERT INTO restrictions (bot_id, group_id, user_id, user_name, language, enforcement, wanted)
        VALUES ($1, $2, $3, 'Sam', 'en', 'mute', 'mute')
        RETURNING restriction_id
    """,
}
UNTIL = datetime(2027, 6, 1, 12, 0, 7, tzinfo=UTC)
MEDIA_BAN = Prior(frozenset({"can_send_messages"}), None)


@pytest.fixture
async def proxy(redis_url: str) -> AsyncIterator[Proxy]:
    """Put a proxy before Redis."""
    async with proxied(redis_url) as proxy:
        yield proxy


@pytest.fixture
async def redis(redis_url: str, proxy: Proxy) -> AsyncIterator["Redis"]:
    """Connect through the proxy."""
    async with open_redis(proxy.url(redis_url)) as redis:
        yield redis


def copies_of(redis: "Redis") -> CaseCopies:
    """Return one instance's copies."""
    return CaseCopies(redis=redis, clock=SystemClock())


def muted_case() -> Case:
    """Return a case that has muted somebody, with a prompt."""
    return Case(
        case_id=CaseId(1),
        bot_id=BOT,
        group_id=GROUP,
        user_id=USER,
        user_name="Sam",
        language="en",
        enforcement=Enforcement.MUTE,
        wanted=Wanted.MUTE,
        done=Done.MUTED,
        version=2,
        attempts=0,
        prior=MEDIA_BAN,
        our_until=UNTIL,
        delete_ids=(),
        topic_id=None,
        prompt_state=PromptState.SENT,
        prompt_message_id=MessageId(9),
        prompt_channels=(),
        opened_at=UNTIL,
    )


async def test_a_copy_says_what_a_lift_needs(redis: "Redis") -> None:
    """The end of the mute, what was there before, and the prompt; nothing once it is lifted."""
    copies, case = copies_of(redis), muted_case()
    await copies.put(case)
    (copy,) = await copies.of_user(BOT, USER)
    await copies.put(replace(case, done=Done.LIFTED))

    assert (copy.case_id, copy.our_until, copy.prior, copy.prompt_message_id) == (case.case_id, UNTIL, MEDIA_BAN, 9)
    assert await copies_of(redis).of_user(BOT, USER) == []
    assert await copies_of(redis).of_user(OTHER_BOT, USER) == []


async def test_an_older_copy_never_replaces_a_newer_one(redis: "Redis") -> None:
    """Whose lease is over may write late: after a newer copy, and after the end of the case."""
    case = muted_case()
    newer = replace(case, version=case.version + 1, prior=None)
    await copies_of(redis).put(newer)
    await copies_of(redis).put(case)
    (copy,) = await copies_of(redis).of_user(BOT, USER)
    await copies_of(redis).drop(newer)
    await copies_of(redis).put(case)

    assert copy.prior is None
    assert await copies_of(redis).of_user(BOT, USER) == []


async def test_a_copy_that_could_not_be_renewed_is_taken_back(redis: "Redis", proxy: Proxy) -> None:
    """Better none than one that is out of date."""
    copies, case = copies_of(redis), muted_case()
    await copies.put(case)
    await proxy.refuse()
    renewed = await copies.put(replace(case, version=case.version + 1, prior=None))
    await proxy.heal()

    async def gone() -> bool:
        return await copies.of_user(BOT, USER) == []

    assert not renewed
    await eventually(gone, "the copy is gone")


async def test_an_end_serves_again_only_when_redis_has_the_new_copy(
    database_url: str, redis: "Redis", proxy: Proxy
) -> None:
    """Else who finds the old copy would give back what no longer holds; a first mute needs no copy."""
    statements = {**load_statements(), **_TESTS_OWN}
    async with open_database(database_url, pool_size=2, statements=statements) as database:
        await database.execute("own_bot", BOT)
        row = await database.row("own_case", BOT, GROUP, USER)
        assert row is not None
        ledger = CaseStore(database=database, instance=InstanceId(uuid4()), copies=copies_of(redis))
        case = await ledger.lease(CaseId(row["restriction_id"]))
        assert case is not None
        await proxy.refuse()
        first = await ledger.muting(case, prior=None, until=UNTIL)
        assert first is not None

        with pytest.raises(NotReadyError):
            await ledger.muting(first, prior=MEDIA_BAN, until=UNTIL)
        await proxy.heal()

        async def taken() -> bool:
            again = await ledger.lease(first.case_id)
            try:
                return again is not None and await ledger.muting(again, prior=MEDIA_BAN, until=UNTIL) is not None
            except NotReadyError:
                return False

        await eventually(taken, "Redis takes the copy")
        (copy,) = await copies_of(redis).of_user(BOT, USER)

    assert copy.prior == MEDIA_BAN


async def test_what_is_kept_is_kept_once_in_order_and_bounded(redis: "Redis") -> None:
    """In Telegram's order, whichever instance kept it; the room is each bot's own."""
    first, second = (RedisBacklog(redis=redis, name="commands", most=3) for _ in range(2))
    outcomes = [
        await backlog.keep(KeptUpdate(f"{number}", BOT, UpdateId(number), b"{}"))
        for backlog, number in ((first, 7), (second, 5), (first, 5), (second, 6), (first, 8))
    ]
    others = await first.keep(KeptUpdate("1", OTHER_BOT, UpdateId(1), b"{}"))

    assert outcomes == [True, True, True, True, False]
    assert others
    assert [update.update_id for update in await second.first(BOT, 10)] == [5, 6, 7]
    assert set(await second.bots()) == {BOT, OTHER_BOT}


async def test_what_is_done_is_gone(redis: "Redis") -> None:
    """Also when Redis has forgotten under which number it was kept."""
    backlog = RedisBacklog(redis=redis, name="commands", most=3)
    await backlog.keep(KeptUpdate("5", BOT, UpdateId(5), b"{}"))
    await redis.delete(f"gmbot:kept:{{commands}}:{BOT}:ids")
    (update,) = await RedisBacklog(redis=redis, name="commands", most=3).first(BOT, 10)
    another = RedisBacklog(redis=redis, name="commands", most=3)
    for found in await another.first(BOT, 10):
        await another.done(found)
    await backlog.done(update)

    assert await backlog.empty(BOT)
    assert await another.first(BOT, 10) == []
    assert await another.bots() == set()


async def test_what_is_done_without_a_look_is_gone(redis: "Redis") -> None:
    """Whoever kept it need not know where in the stream it stands: a long stream is looked at in parts."""
    backlog = RedisBacklog(redis=redis, name="commands", most=3)
    update = KeptUpdate("5", BOT, UpdateId(5), b"{}")
    await backlog.keep(update)
    await backlog.done(update)

    assert await backlog.empty(BOT)
    assert await backlog.bots() == set()


async def test_what_redis_loses_is_in_memory(redis: "Redis", proxy: Proxy) -> None:
    """As long as whoever kept it lives; and it is told apart from having nothing."""
    backlog = RedisBacklog(redis=redis, name="commands", most=3)
    update = KeptUpdate("5", BOT, UpdateId(5), b"{}")
    await backlog.keep(update)
    await redis.flushall()
    await proxy.refuse()

    assert await backlog.first(BOT, 10) == [update]
    assert not await backlog.empty(BOT)
    assert set(await backlog.bots()) == {BOT}
    with pytest.raises(NotReadyError):
        await backlog.keep(replace(update, key="6"))
