"""The membership answers in the memory of instances: how large they are, and how soon all of them change."""

import asyncio
import time
import tracemalloc
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

from bot.core.cache import LocalCache
from bot.core.clock import SystemClock
from bot.core.redis.connection import open_redis
from bot.core.redis.membership_cache import MembershipAnswers, Subscription
from bot.core.settings import Settings
from bot.domain.ids import BotId, ChannelId, UpdateId, UserId
from bot.domain.membership import Membership, Stamp
from bot.utils.benchmarks.effort import Effort
from bot.utils.benchmarks.results import Report, Target
from bot.utils.benchmarks.stage import Stage

_SECTION = "memory"
_INSTANCES = 3
_CHANNELS = 10
_FIRST_USER = 5_000_000_000
_PATIENCE_SECONDS = 5.0
_MEBIBYTE = 1024 * 1024


def measure_size(report: Report) -> None:
    """Fill the cache twice over and see what it holds."""
    size = Settings.model_fields["cache_l1_size"].default
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    cache = LocalCache(size=size, monotonic=time.perf_counter)
    most, held = 0, 0
    for number in range(2 * size):
        # As they come from messages: every id is an object of its own.
        key = BotId(int("6000000001")), ChannelId(-1_001_000_000_000 - number % _CHANNELS), UserId(_FIRST_USER + number)
        cache.put(key, Membership.MEMBER, 600)
        if number + 1 == size // 2:
            held = tracemalloc.get_traced_memory()[0] - before
        most = max(most, len(cache))
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    report.single(_SECTION, "bytes per membership in L1", held / (size // 2), "B", Target("<", 250))
    report.single(_SECTION, f"entries after {2 * size:,} memberships", most, "", Target("<=", size))
    report.single(_SECTION, "memory of L1 at its largest", peak / _MEBIBYTE, "MiB", Target("<", 50))


@dataclass(frozen=True, slots=True)
class _Instance:
    """What an instance remembers, and what keeps it up to date."""

    answers: MembershipAnswers
    subscription: Subscription


async def measure_invalidation(stage: Stage, effort: Effort, report: Report) -> None:
    """Change a membership at one of three instances and wait until none has the old answer."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        instances = []
        for _ in range(_INSTANCES):
            redis = await stack.enter_async_context(open_redis(stage.redis_url))
            local = LocalCache(size=1_000, monotonic=clock.monotonic)
            answers = MembershipAnswers(redis=redis, local=local, clock=clock, positive=600, negative=60, jitter=15)
            subscription = Subscription(redis=redis, answers=answers, clock=clock, on_config=lambda: None)
            instances.append(_Instance(answers, subscription))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        listening = [tasks.create_task(each.subscription.run()) for each in instances]
        await _until(lambda: all(each.subscription.connected for each in instances))
        took = [await _change(instances, number) for number in range(effort.samples)]
        for task in listening:
            task.cancel()
    title = f"from a change to the last of {_INSTANCES} instances that hears of it"
    report.sampled(_SECTION, title, took, "ms", p95=Target("<", 100))


async def _change(instances: list[_Instance], number: int) -> float:
    """Let everybody know a member, take the membership away at the first, and time the slowest of the others."""
    bot, channel, user = BotId(1), ChannelId(-1_001_000_000_000), UserId(_FIRST_USER + number)
    first = instances[0].answers

    def all_know(membership: Membership) -> bool:
        return all(each.answers.recall(bot, user, channel) is membership for each in instances)

    await first.record(bot, user, channel, Membership.MEMBER, Stamp(number, UpdateId(1)))
    await _until(lambda: all_know(Membership.MEMBER))
    began = time.perf_counter()
    await first.record(bot, user, channel, Membership.ABSENT, Stamp(number, UpdateId(2)))
    await _until(lambda: all_know(Membership.ABSENT))
    return (time.perf_counter() - began) * 1000


async def _until(holds: Callable[[], bool]) -> None:
    """Look at every turn of the event loop."""
    clock = SystemClock()
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not holds():
            await clock.sleep(0)
