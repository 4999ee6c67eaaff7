"""Half an hour of ten thousand members on the real cache, by a clock that jumps from event to event."""

import asyncio
import heapq
import random
from collections.abc import Coroutine
from dataclasses import dataclass, field
from itertools import count

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from bot.core.cache import LAST_PART, LocalCache
from bot.core.clock import SystemClock
from bot.core.redis.membership_cache import MembershipAnswers
from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.membership import Membership
from bot.services.membership.renewal import AT_ONCE, Renewal
from bot.services.membership.verification import Verification
from tests.fakes.ports import FakeJournal, FakeSpawner
from tests.kits.traces import zipf_trace

BOT, NEWS = BotId(42), ChannelId(-2001)
LIFE, JITTER = 600, 15
# A member who writes again within this time keeps talking: it is the last part of the shortest life.
TALKING_SECONDS = LIFE * (100 - JITTER) / 100 * LAST_PART
API_SECONDS = 0.2
# Who looks in again in the very last moment and writes on comes before the renewal that this look asked for.
MOMENT_SECONDS = 5.0


class JumpingClock(SystemClock):
    """Time that passes when the trace says so; whoever sleeps wakes at the right moment of it."""

    def __init__(self) -> None:
        self.elapsed = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = count()

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.elapsed + seconds, next(self._numbers), woken))
        await woken

    async def until(self, moment: float) -> None:
        """Let time pass; everything that is to happen by then happens."""
        while self._sleepers and self._sleepers[0][0] <= moment:
            self.elapsed, _, woken = heapq.heappop(self._sleepers)
            if not woken.cancelled():
                woken.set_result(None)
            for _ in range(12):
                await asyncio.sleep(0)
        self.elapsed = moment


class NoRedis(Redis):
    """A Redis that is never there: what the process remembers by itself is looked at."""

    async def execute_command(self, *args: object, **options: object) -> object:
        del args, options
        raise RedisConnectionError("nobody there")


@dataclass
class Telegram:
    """Knows everybody as a member, after a while."""

    clock: JumpingClock
    calls: int = 0
    running: int = 0
    most: int = 0

    async def membership(self, bot: BotId, channel: ChannelId, user: UserId) -> Membership:
        del bot, channel, user
        self.calls += 1
        self.running += 1
        self.most = max(self.most, self.running)
        await self.clock.sleep(API_SECONDS)
        self.running -= 1
        return Membership.MEMBER

    ask_membership = membership


@dataclass
class Outcome:
    """What became of the messages."""

    messages: int = 0
    hits: int = 0
    waits: list[float] = field(default_factory=list)
    """For each message that had to wait because an answer had expired: seconds since the member's one before."""


@dataclass
class Stage:
    """The process under test."""

    clock: JumpingClock
    telegram: Telegram
    answers: MembershipAnswers
    verification: Verification
    renewal: Renewal
    spawner: FakeSpawner
    known: set[int] = field(default_factory=set)

    async def ask(self, member: int) -> None:
        """Do what happens to a message that does not pass at the gate."""
        await self.verification.standing(BOT, UserId(member), (NEWS,))
        self.known.add(member)

    async def play(self, minutes: float) -> Outcome:
        """Have the members of the trace write."""
        outcome, spoke = Outcome(), dict[int, float]()
        recall, until, started = self.answers.recall, self.clock.until, self.clock.elapsed
        for at, member in zipf_trace(minutes=minutes):
            await until(started + at)
            outcome.messages += 1
            if recall(BOT, UserId(member), NEWS) is Membership.MEMBER:
                outcome.hits += 1
            else:
                if member in self.known:
                    outcome.waits.append(at - spoke[member])
                self.spawner.spawn(self.ask(member), name="message")
                await asyncio.sleep(0)
            spoke[member] = at
        return outcome


@pytest.fixture
def stage() -> Stage:
    """Build the process around the jumping clock."""
    random.seed(1)
    clock, spawner = JumpingClock(), FakeSpawner()
    telegram = Telegram(clock)
    local = LocalCache(size=200_000, monotonic=clock.monotonic, life=LIFE)
    answers = MembershipAnswers(redis=NoRedis(), local=local, clock=clock, positive=LIFE, negative=60, jitter=JITTER)
    verification = Verification(
        cache=answers, telegram=telegram, first=telegram, spawner=spawner, journal=FakeJournal(), clock=clock
    )
    renewal = Renewal(cache=answers, verification=verification, clock=clock)
    return Stage(clock, telegram, answers, verification, renewal, spawner)


async def beside(work: Coroutine[object, object, None], main: Coroutine[object, object, Outcome]) -> Outcome:
    """Do something for as long as something else takes."""
    task = asyncio.get_running_loop().create_task(work)
    await asyncio.sleep(0)
    try:
        return await main
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_who_keeps_talking_never_waits_on_expiry(stage: Stage) -> None:
    """More than 95 % of all messages pass at once, and so do all of those who wrote a moment ago."""
    outcome = await beside(stage.renewal.run(), stage.play(30))
    waited = [gap for gap in outcome.waits if MOMENT_SECONDS < gap < TALKING_SECONDS]

    assert outcome.messages == 540_000
    assert outcome.hits / outcome.messages > 0.95
    assert waited == []
    assert len(outcome.waits) / outcome.messages < 0.02


async def test_without_renewal_they_would_wait(stage: Stage) -> None:
    """The trace finds what it is meant to find: each end of a life is somebody's wait."""
    outcome = await stage.play(12)

    assert len([gap for gap in outcome.waits if MOMENT_SECONDS < gap < TALKING_SECONDS]) > 100


async def test_renewals_do_not_come_in_storms(stage: Stage) -> None:
    """Everybody becomes known in the same minute; their renewals are spread, and few are under way at once."""
    everybody = range(2_000)
    for member in everybody:
        stage.answers.heard(f"{BOT}:{NEWS}:{member}:member:{LIFE}".encode())

    async def talk() -> Outcome:
        for second in range(LIFE):
            await stage.clock.until(stage.clock.elapsed + 1)
            if second % 20 == 0:
                for member in everybody:
                    stage.answers.recall(BOT, UserId(member), NEWS)
        return Outcome()

    await beside(stage.renewal.run(), talk())

    assert stage.telegram.most <= AT_ONCE
    assert stage.telegram.calls == len(everybody)
