"""One instance warms when it is time; what was interrupted is taken up by the next."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bot.domain.errors import StoreUnavailableError
from bot.domain.schedule import parse_schedule
from bot.domain.warming import Bookmark
from bot.services.membership.warm_schedule import WarmSchedule
from bot.services.membership.warmer import Warmer
from tests.fakes.tables import FakeLeader
from tests.fakes.warming import FakeBookmarks, FakeRecent
from tests.kits.world import BOT, GROUP, MEMBER, NEWS, World


class LosingLeader(FakeLeader):
    """A leader whose turn ends at the second look."""

    @asynccontextmanager
    async def held(self, purpose: int, subject: int) -> AsyncIterator[Callable[[], Awaitable[None]]]:
        self.turns.append((purpose, subject))
        looks = 0

        async def check() -> None:
            nonlocal looks
            looks += 1
            if looks == 2:
                raise StoreUnavailableError("another one has it")

        yield check


class Night:
    """A schedule, and the time until it comes."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.recent, self.bookmarks = FakeRecent(), FakeBookmarks()
        self.recent.seen[BOT, GROUP, MEMBER] = world.clock.now()
        self.warmer = Warmer(
            bot=BOT,
            directory=world.directory,
            recent=self.recent,
            bookmarks=self.bookmarks,
            cache=world.cache,
            telegram=world.telegram,
            journal=world.journal,
            clock=world.clock,
        )

    @property
    def rounds(self) -> int:
        """How often the member was asked about: once a round, for a night lies between."""
        return self.world.telegram.called("membership").count((NEWS, MEMBER))

    async def run(self, leader: FakeLeader, steps: int) -> None:
        """Let the schedule run for a while."""
        schedule = WarmSchedule(
            schedule=parse_schedule("03:00"), warmers=lambda: [self.warmer], leader=leader, clock=self.world.clock
        )
        task = asyncio.get_running_loop().create_task(schedule.run())
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.fixture
def night(world: World) -> Night:
    """Have one member who was seen."""
    return Night(world)


async def test_each_day_at_its_time(night: Night) -> None:
    """Not at the start, and once a day; the clock of these tests passes while somebody sleeps."""
    started = night.world.clock.now()
    while night.rounds < 2:
        await night.run(FakeLeader(), 100)
    days = (night.world.clock.now() - started).total_seconds() / 86400

    assert 1 <= days <= 3


async def test_nothing_happens_before_its_time(night: Night) -> None:
    """An instance that starts at noon asks nobody."""
    await night.run(FakeLeader(), 20)

    assert night.rounds == 0
    assert night.bookmarks.saved == []


async def test_an_interrupted_round_is_taken_up_at_once(night: Night) -> None:
    """The instance that was at it died."""
    night.bookmarks.kept[BOT, 0] = Bookmark(GROUP, None)
    await night.run(FakeLeader(), 20)

    assert night.rounds == 1
    assert night.bookmarks.kept == {}


async def test_a_lost_turn_is_waited_for_again(night: Night) -> None:
    """Another instance may be at it: this one stops, and lines up."""
    leader = LosingLeader()
    await night.run(leader, 60)

    assert len(leader.turns) > 1


async def test_a_turn_lost_in_a_round_ends_it(night: Night) -> None:
    """The check of the turn comes after each batch; what is left is the next leader's."""
    night.bookmarks.kept[BOT, 0] = Bookmark(GROUP, None)
    leader = LosingLeader()
    await night.run(leader, 200)

    assert len(leader.turns) > 1
    assert night.rounds >= 1
