"""The membership cache, in memory and in Redis: what holds for one holds for the other."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from bot.core.cache import LocalCache
from bot.core.clock import SystemClock
from bot.core.redis.membership_cache import MembershipAnswers
from bot.domain.ids import BotId, ChannelId, UpdateId, UserId
from bot.domain.membership import Membership, Stamp
from bot.services.ports.membership import MembershipCache
from tests.fakes.ports import FakeCache, FakeClock, SharedMemory

pytestmark = pytest.mark.servers

BOT, USER, NEWS, BLOG = BotId(42), UserId(3), ChannelId(-2001), ChannelId(-2002)
MEMBER, ABSENT = Membership.MEMBER, Membership.ABSENT


def _real(redis: "Redis") -> MembershipAnswers:
    clock = SystemClock()
    local = LocalCache(size=100, monotonic=clock.monotonic)
    return MembershipAnswers(redis=redis, local=local, clock=clock, positive=600, negative=60, jitter=15)


@pytest.fixture(params=["memory", "redis"])
async def pair(
    request: pytest.FixtureRequest, redis_url: str
) -> AsyncIterator[tuple[MembershipCache, MembershipCache]]:
    """Return the caches of two instances."""
    if request.param == "memory":
        clock, shared = FakeClock(), SharedMemory()
        yield FakeCache(clock, shared), FakeCache(clock, shared)
        return
    async with Redis.from_url(redis_url) as redis:
        yield _real(redis), _real(redis)


@pytest.fixture
def cache(pair: tuple[MembershipCache, MembershipCache]) -> MembershipCache:
    """Return one instance's cache."""
    return pair[0]


async def test_nothing_is_known_at_first(cache: MembershipCache) -> None:
    """Neither here nor in the shared store."""
    assert cache.recall(BOT, USER, NEWS) is None
    assert await cache.read(BOT, USER, (NEWS, BLOG)) == {}


@pytest.mark.parametrize("answer", [MEMBER, ABSENT])
async def test_an_answer_is_remembered_by_all(
    pair: tuple[MembershipCache, MembershipCache], answer: Membership
) -> None:
    """Here at once, elsewhere when it is read; and reading keeps it there."""
    here, there = pair
    held = await here.store(BOT, USER, NEWS, answer, await here.begin(BOT, USER, NEWS))

    assert held is answer
    assert here.recall(BOT, USER, NEWS) is answer
    assert await there.read(BOT, USER, (NEWS, BLOG)) == {NEWS: answer}
    assert there.recall(BOT, USER, NEWS) is answer


@pytest.mark.parametrize(("answer", "shortest", "longest"), [(MEMBER, 510, 690), (ABSENT, 51, 69)])
async def test_answers_live_for_as_long_as_they_are_told_to(
    redis_url: str, answer: Membership, shortest: int, longest: int
) -> None:
    """In Redis, by its clock: a membership for 600 s, an absence for 60, and each up to 15 % more or less."""
    users = [UserId(number) for number in range(1, 101)]
    async with Redis.from_url(redis_url) as redis:
        cache = _real(redis)
        seconds, since = await redis.time()
        before = seconds * 1000 + since // 1000
        for user in users:
            await cache.store(BOT, user, NEWS, answer, await cache.begin(BOT, user, NEWS))
        seconds, since = await redis.time()
        took = seconds * 1000 + since // 1000 - before
        keys = [key async for key in redis.scan_iter(match="gmbot:member:*")]
        ends = [int(await redis.hget(key, "fresh_until") or 0) for key in keys]
    lives = [end - before for end in ends]

    assert len(lives) == len(users)
    assert min(lives) >= shortest * 1000
    assert max(lives) <= longest * 1000 + took
    assert len({life // 1000 for life in lives}) > (longest - shortest) // 4


async def test_bots_users_and_channels_are_kept_apart(cache: MembershipCache) -> None:
    """One answer is about one user in one channel, for one bot."""
    await cache.store(BOT, USER, NEWS, MEMBER, await cache.begin(BOT, USER, NEWS))

    assert await cache.read(BotId(43), USER, (NEWS,)) == {}
    assert await cache.read(BOT, UserId(4), (NEWS,)) == {}
    assert await cache.read(BOT, USER, (BLOG,)) == {}


async def test_questions_at_the_same_time_do_not_disturb_each_other(
    pair: tuple[MembershipCache, MembershipCache],
) -> None:
    """Two instances ask; both get their answer stored, in the order in which they asked."""
    here, there = pair
    first, second = await here.begin(BOT, USER, NEWS), await there.begin(BOT, USER, NEWS)

    assert await here.store(BOT, USER, NEWS, ABSENT, first) is ABSENT
    assert await there.store(BOT, USER, NEWS, MEMBER, second) is MEMBER


async def test_an_answer_late_for_a_later_question_is_refused(cache: MembershipCache) -> None:
    """Asked before, answered after: the later question knows better."""
    older, newer = await cache.begin(BOT, USER, NEWS), await cache.begin(BOT, USER, NEWS)
    await cache.store(BOT, USER, NEWS, MEMBER, newer)

    assert await cache.store(BOT, USER, NEWS, ABSENT, older) is MEMBER
    assert cache.recall(BOT, USER, NEWS) is MEMBER


async def test_an_answer_late_for_an_event_is_refused(pair: tuple[MembershipCache, MembershipCache]) -> None:
    """Asked before the join, answered after it: the join holds, wherever it was heard of."""
    here, there = pair
    generation = await here.begin(BOT, USER, NEWS)
    await there.record(BOT, USER, NEWS, MEMBER, Stamp(10, UpdateId(1)))

    assert await here.store(BOT, USER, NEWS, ABSENT, generation) is MEMBER
    assert here.recall(BOT, USER, NEWS) is MEMBER
    assert await there.read(BOT, USER, (NEWS,)) == {NEWS: MEMBER}


async def test_a_question_after_an_event_may_say_otherwise(cache: MembershipCache) -> None:
    """Telegram is asked from now on, and knows better."""
    await cache.record(BOT, USER, NEWS, MEMBER, Stamp(10, UpdateId(1)))

    assert await cache.store(BOT, USER, NEWS, ABSENT, await cache.begin(BOT, USER, NEWS)) is ABSENT


@pytest.mark.parametrize(
    ("late", "taken"),
    [
        (Stamp(9, UpdateId(9)), False),
        (Stamp(10, UpdateId(4)), False),
        (Stamp(10, UpdateId(5)), True),
        (Stamp(10, UpdateId(6)), True),
        (Stamp(11, UpdateId(1)), True),
    ],
)
async def test_events_count_in_telegram_s_order(cache: MembershipCache, late: Stamp, *, taken: bool) -> None:
    """By date, then by the update's number; the same one twice changes nothing."""
    await cache.record(BOT, USER, NEWS, MEMBER, Stamp(10, UpdateId(5)))

    assert await cache.record(BOT, USER, NEWS, ABSENT, late) is taken
    assert cache.recall(BOT, USER, NEWS) is (ABSENT if taken else MEMBER)


async def test_large_numbers_survive(cache: MembershipCache) -> None:
    """Telegram's ids have up to 52 bits."""
    user, channel = UserId(2**52 - 1), ChannelId(-1_009_999_999_999)
    await cache.record(BOT, user, channel, MEMBER, Stamp(2**31 - 1, UpdateId(2**31 - 1)))

    assert not await cache.record(BOT, user, channel, ABSENT, Stamp(2**31 - 1, UpdateId(2**31 - 2)))
    assert await cache.read(BOT, user, (channel,)) == {channel: MEMBER}
