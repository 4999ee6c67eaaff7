"""The reminders of an outage, in memory and in Redis: one instance says each, and any instance may take it back."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from bot.core.redis.connection import open_redis
from bot.core.redis.reminders import RedisReminders
from bot.domain.errors import NotReadyError
from bot.domain.ids import BotId, EphemeralId, GroupId, MessageId, UserId
from bot.domain.message import Posted
from bot.domain.reminder import Reminder
from bot.services.ports.outages import Reminders
from tests.fakes.reminders import FakeReminders, SharedReminders
from tests.faults.proxy import proxied

pytestmark = pytest.mark.servers

BOT, GROUP, NEXT_GROUP = BotId(42), GroupId(-1001), GroupId(-10012)
SAID = Reminder(BOT, GROUP, Posted(MessageId(7)))
LATER = Reminder(BOT, GROUP, Posted(MessageId(12)))
ELSEWHERE = Reminder(BOT, NEXT_GROUP, Posted(MessageId(7)))
WHISPERED = Reminder(BOT, GROUP, Posted(ephemeral_id=EphemeralId(3)), UserId(5))


@dataclass
class Pair:
    """Two instances, and what happens to them."""

    here: Reminders
    there: Reminders
    pass_turns: Callable[[], Awaitable[None]]
    cut_off: Callable[[], Awaitable[None]]


@pytest.fixture(params=["memory", "redis"])
async def pair(request: pytest.FixtureRequest, redis_url: str) -> AsyncIterator[Pair]:
    """Return two instances' reminders."""
    if request.param == "memory":
        shared = SharedReminders()

        async def pass_turns() -> None:
            shared.clock.advance(60)

        async def cut_off() -> None:
            shared.away = True

        yield Pair(FakeReminders(shared), FakeReminders(shared), pass_turns, cut_off)
        return
    async with proxied(redis_url) as proxy, open_redis(proxy.url(redis_url)) as redis:
        yield Pair(RedisReminders(redis=redis), RedisReminders(redis=redis), lambda: _pass_turns(redis), proxy.refuse)


async def _pass_turns(redis: "Redis") -> None:
    keys = [key async for key in redis.scan_iter(match="gmbot:reminder:*")]
    # Each ends by itself.
    assert all([0 < await redis.pttl(key) <= 60_000 for key in keys])
    await redis.delete(*keys)


async def test_one_instance_has_the_turn(pair: Pair) -> None:
    """In each group once, until it is over."""
    turns = [await store.take_turn(BOT, GROUP, seconds=60) for store in (pair.here, pair.there, pair.here)]
    elsewhere = await pair.there.take_turn(BOT, NEXT_GROUP, seconds=60)
    await pair.pass_turns()

    assert turns == [True, False, False]
    assert elsewhere
    assert await pair.there.take_turn(BOT, GROUP, seconds=60)


async def test_all_know_what_stands_in_a_group(pair: Pair) -> None:
    """And in no other whose number begins alike; what one member sees, whoever said it knows."""
    for reminder in (SAID, LATER, ELSEWHERE, WHISPERED):
        await pair.here.stands(reminder)
    here, there = [set(await store.standing(BOT, GROUP)) for store in (pair.here, pair.there)]
    await pair.there.gone(SAID)

    assert here == {SAID, LATER, WHISPERED}
    assert there == {SAID, LATER}
    assert set(await pair.there.standing(BOT, GROUP)) == {LATER}
    assert set(await pair.there.standing(BOT, NEXT_GROUP)) == {ELSEWHERE}


async def test_what_is_left_is_one_s_own_and_that_of_the_dead(pair: Pair) -> None:
    """Another instance's is left when its turn is over: for it PostgreSQL may still be away."""
    for reminder in (SAID, WHISPERED):
        await pair.here.stands(reminder)
    await pair.here.take_turn(BOT, GROUP, seconds=60)
    own, new = set(await pair.here.left()), set(await pair.there.left())
    await pair.pass_turns()
    old = set(await pair.there.left())
    for reminder in (SAID, WHISPERED):
        await pair.here.gone(reminder)

    assert own == {SAID, WHISPERED}
    assert new == set()
    assert old == {SAID}
    assert await pair.here.left() == await pair.there.left() == []


async def test_without_redis_nobody_has_a_turn(pair: Pair) -> None:
    """What this process has said, it takes back all the same."""
    await pair.here.stands(SAID)
    await pair.cut_off()
    for question in (
        pair.here.take_turn(BOT, NEXT_GROUP, seconds=60),
        pair.here.standing(BOT, GROUP),
        pair.here.stands(LATER),
    ):
        with pytest.raises(NotReadyError):
            await question
    left = set(await pair.here.left())
    await pair.here.gone(SAID)

    assert left == {SAID, LATER}
    assert await pair.here.left() == [LATER]
    assert await pair.there.left() == []
