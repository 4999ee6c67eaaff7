"""What one instance hears of a member the others know at once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest

from bot.core.cache import LocalCache
from bot.core.clock import SystemClock
from bot.core.redis.connection import open_redis
from bot.core.redis.membership_cache import MembershipAnswers, Subscription
from bot.domain.ids import BotId, ChannelId, UpdateId, UserId
from bot.domain.membership import Membership, Stamp
from tests.kits.platform import eventually

pytestmark = pytest.mark.servers

BOT, NEWS = BotId(42), ChannelId(-2001)
MEMBER, ABSENT = Membership.MEMBER, Membership.ABSENT
INSTANCES = 3
# On a busy machine; the figure that counts is the benchmark's.
PATIENCE_SECONDS = 1.0


@dataclass
class Instances:
    """The memories of three instances on one Redis, all of them listening."""

    memories: list[MembershipAnswers]

    async def seconds_until(self, user: UserId, answer: Membership) -> float:
        """Return how long it takes until the slowest instance holds this answer."""
        started = time.perf_counter()
        await eventually(
            lambda: all(memory.recall(BOT, user, NEWS) is answer for memory in self.memories),
            f"all instances hold {answer.value}",
        )
        return time.perf_counter() - started


@pytest.fixture
async def instances(redis_url: str) -> AsyncIterator[Instances]:
    """Run three memories with connections of their own."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        memories: list[MembershipAnswers] = []
        subscriptions: list[Subscription] = []
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        for _ in range(INSTANCES):
            redis = await stack.enter_async_context(open_redis(redis_url))
            local = LocalCache(size=1000, monotonic=clock.monotonic, life=600)
            memory = MembershipAnswers(redis=redis, local=local, clock=clock, positive=600, negative=60, jitter=15)
            subscription = Subscription(redis=redis, answers=memory, clock=clock, on_config=lambda: None)
            listening = tasks.create_task(subscription.run())
            stack.callback(listening.cancel)
            memories.append(memory)
            subscriptions.append(subscription)
        await eventually(lambda: all(each.connected for each in subscriptions), "all listen")
        yield Instances(memories)


async def test_a_change_reaches_the_slowest_of_three_instances_at_once(instances: Instances) -> None:
    """Each of fifty leaves, heard by one instance in turn; no instance holds the old answer afterwards."""
    users = [UserId(number) for number in range(1, 51)]
    for user in users:
        await instances.memories[0].record(BOT, user, NEWS, MEMBER, Stamp(1, UpdateId(user)))
        await instances.seconds_until(user, MEMBER)
    slowest = 0.0
    for user in users:
        hearer = instances.memories[user % INSTANCES]
        await hearer.record(BOT, user, NEWS, ABSENT, Stamp(2, UpdateId(user)))
        slowest = max(slowest, await instances.seconds_until(user, ABSENT))

    assert slowest < PATIENCE_SECONDS
    assert {memory.recall(BOT, user, NEWS) for memory in instances.memories for user in users} == {ABSENT}
