"""What was heard while Redis was away from one instance: nobody believes for long what is no longer true."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from bot.core.cache import LocalCache
from bot.core.clock import SystemClock
from bot.core.redis.connection import open_redis
from bot.core.redis.membership_cache import MembershipAnswers, Subscription
from bot.domain.ids import BotId, ChannelId, UpdateId, UserId
from bot.domain.membership import Membership, Stamp
from tests.faults.proxy import Proxy, proxied
from tests.kits.platform import eventually

pytestmark = [pytest.mark.servers, pytest.mark.slow]

BOT, USER, NEWS = BotId(42), UserId(3), ChannelId(-2001)
MEMBER, ABSENT = Membership.MEMBER, Membership.ABSENT


class Skewed(SystemClock):
    """A clock whose wall time is wrong, and whose passing of time a test can hurry."""

    def __init__(self, *, off_by: timedelta = timedelta(0)) -> None:
        self._off_by = off_by
        self.ahead = 0.0

    def now(self) -> datetime:
        """Return the wrong time."""
        return super().now() + self._off_by

    def monotonic(self) -> float:
        """Return seconds, some of which did not pass."""
        return super().monotonic() + self.ahead


@dataclass
class Memory:
    """One instance's memory of memberships, with its own way to Redis."""

    proxy: Proxy
    clock: Skewed
    answers: MembershipAnswers
    subscription: Subscription

    def recall(self) -> Membership | None:
        """Return what is known in the process."""
        return self.answers.recall(BOT, USER, NEWS)

    async def ask(self, answer: Membership) -> None:
        """Ask Telegram, which gives this answer."""
        await self.answers.store(BOT, USER, NEWS, answer, await self.answers.begin(BOT, USER, NEWS))

    async def hear(self, answer: Membership, number: int) -> bool:
        """Hear of an event."""
        return await self.answers.record(BOT, USER, NEWS, answer, Stamp(10, UpdateId(number)))

    async def until_connected(self, *, connected: bool = True) -> None:
        """Wait until events of others arrive, or are known not to."""
        await eventually(lambda: self.subscription.connected is connected, "the subscription changes")


@asynccontextmanager
async def memory_of(redis_url: str, *, off_by: timedelta = timedelta(0)) -> AsyncIterator[Memory]:
    """Run one instance's memory and its subscription."""
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(proxied(redis_url))
        redis = await stack.enter_async_context(open_redis(proxy.url(redis_url)))
        clock = Skewed(off_by=off_by)
        local = LocalCache(size=100, monotonic=clock.monotonic)
        answers = MembershipAnswers(redis=redis, local=local, clock=clock, positive=600, negative=60, jitter=15)
        subscription = Subscription(redis=redis, answers=answers, clock=clock, on_config=lambda: None)
        listening = asyncio.create_task(subscription.run())
        memory = Memory(proxy, clock, answers, subscription)
        await memory.until_connected()
        yield memory
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def test_a_redis_that_was_never_there_is_told_of_once() -> None:
    """An instance that was started with a wrong REDIS_URL works without, and says so."""
    clock = Skewed(off_by=timedelta(0))
    local = LocalCache(size=100, monotonic=clock.monotonic)
    async with open_redis("redis://127.0.0.1:1/0") as redis:
        answers = MembershipAnswers(redis=redis, local=local, clock=clock, positive=600, negative=60, jitter=15)
        subscription = Subscription(redis=redis, answers=answers, clock=clock, on_config=lambda: None)
        with capture_logs() as events:
            listening = asyncio.create_task(subscription.run())
            await eventually(lambda: bool(events), "it is told of")
            await asyncio.sleep(0.5)
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    assert [(event["event"], event["log_level"]) for event in events] == [("redis.away", "warning")]


@pytest.fixture
async def here(redis_url: str) -> AsyncIterator[Memory]:
    """Return the memory of one instance."""
    async with memory_of(redis_url) as memory:
        yield memory


@pytest.fixture
async def there(redis_url: str) -> AsyncIterator[Memory]:
    """Return the memory of another one."""
    async with memory_of(redis_url) as memory:
        yield memory


@pytest.mark.parametrize("cut", [True, False], ids=["cut", "refused"])
async def test_an_instance_that_hears_nothing_believes_no_absence(here: Memory, there: Memory, *, cut: bool) -> None:
    """Cut off, it forgets absences, and what it learns of absences from Telegram is not kept either."""
    await there.ask(ABSENT)
    if cut:
        there.proxy.cut()
    else:
        await there.proxy.refuse()
    await here.hear(MEMBER, 1)
    await there.until_connected(connected=False)

    assert there.recall() is None
    await there.ask(ABSENT)
    assert there.recall() is None


async def test_an_instance_that_hears_nothing_trusts_a_membership_for_a_minute(here: Memory, there: Memory) -> None:
    """Somebody leaves, and the instance that is cut off does not hear of it: 60 s later it asks."""
    await there.ask(MEMBER)
    there.proxy.cut()
    await there.until_connected(connected=False)
    await here.hear(ABSENT, 1)

    assert there.recall() is MEMBER
    there.clock.ahead = 60
    assert there.recall() is None


@pytest.mark.parametrize(("before", "after"), [(MEMBER, ABSENT), (ABSENT, MEMBER)])
async def test_an_event_that_could_not_be_told_is_told_later(
    here: Memory, there: Memory, before: Membership, after: Membership
) -> None:
    """The instance that hears of a change is cut off: when it is back, the others and Redis know."""
    await there.ask(before)
    here.proxy.cut()
    await here.hear(after, 1)
    await here.until_connected(connected=False)
    known_in_between = there.recall()
    await here.proxy.heal()

    assert known_in_between is before
    await eventually(lambda: there.recall() is after, "the other instance knows")

    async def kept() -> bool:
        return await here.answers.read(BOT, USER, [NEWS]) == {NEWS: after}

    await eventually(kept, "Redis knows")


async def test_an_older_event_does_not_undo_one_that_could_not_be_told(here: Memory) -> None:
    """Telegram's order holds without Redis, too."""
    await here.proxy.refuse()
    await here.hear(MEMBER, 2)

    assert not await here.hear(ABSENT, 1)
    assert here.recall() is MEMBER


async def test_an_answer_on_its_way_does_not_undo_an_event_that_could_not_be_told(here: Memory) -> None:
    """Asked before the join, answered after it: without Redis, too, the join holds."""
    await here.proxy.refuse()
    generation = await here.answers.begin(BOT, USER, NEWS)
    await here.hear(MEMBER, 1)

    assert await here.answers.store(BOT, USER, NEWS, ABSENT, generation) is MEMBER
    assert here.recall() is MEMBER


async def test_an_answer_asked_for_after_an_event_is_newer_than_it(here: Memory) -> None:
    """Another instance hears of the join; this one, which heard of the leave, must not go on finding an absence."""
    await here.proxy.refuse()
    await here.hear(ABSENT, 1)
    generation = await here.answers.begin(BOT, USER, NEWS)

    assert await here.answers.store(BOT, USER, NEWS, MEMBER, generation) is MEMBER
    assert here.recall() is MEMBER


async def test_a_full_redis_tells_all_and_keeps_nothing_old(here: Memory, there: Memory, redis_url: str) -> None:
    """Events reach the other instances, and nobody reads what was true before."""
    await there.ask(ABSENT)
    async with Redis.from_url(redis_url) as redis:
        await redis.config_set("maxmemory", 1)
        try:
            await here.hear(MEMBER, 1)
            await eventually(lambda: there.recall() is MEMBER, "the other instance knows")
            found = await here.answers.read(BOT, USER, [NEWS])
        finally:
            await redis.config_set("maxmemory", 0)

    assert found == {}


async def test_a_redis_that_hangs_holds_nobody_up_for_long(here: Memory) -> None:
    """The first to notice waits a moment, and for a second nobody else does."""
    here.proxy.cut()
    loop = asyncio.get_running_loop()
    started = loop.time()
    for _ in range(20):
        assert await here.answers.read(BOT, USER, [NEWS]) == {}

    # Twenty that waited would take three seconds.
    assert loop.time() - started < 2


async def test_a_foreign_message_does_not_end_the_listening(here: Memory, there: Memory, redis_url: str) -> None:
    """Whatever somebody publishes on the channel, the next event is heard."""
    async with Redis.from_url(redis_url) as redis:
        for nonsense in (b"", b"\xff", b"1:2:3:member:soon", b"1:2:3:pondering:5"):
            await redis.publish("gmbot:membership", nonsense)
    await here.hear(MEMBER, 1)

    await eventually(lambda: there.recall() is MEMBER, "the event is heard")


@pytest.mark.parametrize("hours", [-1, 1])
async def test_clocks_that_differ_by_an_hour_change_no_life(here: Memory, redis_url: str, hours: int) -> None:
    """An instance with a wrong clock neither hides its answers from others nor makes them live longer."""
    async with memory_of(redis_url, off_by=timedelta(hours=hours)) as wrong:
        await wrong.ask(MEMBER)
        read = await here.answers.read(BOT, USER, [NEWS])
        here.clock.ahead = 600 * 1.15

        assert read == {NEWS: MEMBER}
        assert here.recall() is None

        here.clock.ahead = 0
        await wrong.hear(ABSENT, 1)
        await eventually(lambda: here.recall() is ABSENT, "the event is heard")
        here.clock.ahead = 60 * 1.15
        assert here.recall() is None
