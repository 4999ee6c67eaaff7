"""Long work that operators start: it ends in the eyes of whoever waits, however it ends."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import GroupId, UserId
from bot.domain.operator import Actor, Operator, Rank, Source
from bot.domain.warming import WarmupStats
from bot.services.operating.jobs import Jobs
from bot.services.operating.warmings import Warmings
from tests.fakes.access import FakeShelf
from tests.fakes.notes import FakeNotes
from tests.fakes.ports import FakeClock, FakeSpawner
from tests.kits.platform import eventually
from tests.kits.world import BOT, GROUP, World

WHO = Operator(Actor(UserId(7), Source.CONSOLE), Rank.OPERATOR, None)


class Warmer:
    """Verifies until it is told to end, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def group(
        self, group_id: GroupId, users: Sequence[UserId] | None = None, *, watch: Callable[[WarmupStats, int], None]
    ) -> WarmupStats:
        """Get three of ten done."""
        del group_id, users
        stats = WarmupStats(total_users=3, verified=2, not_verified=1, errors=0, duration_seconds=1.0)
        watch(stats, 10)
        if self.error is not None:
            raise self.error
        await asyncio.Event().wait()
        return stats


class Desk:
    """The desk with its surroundings."""

    def __init__(self, world: World, warmer: Warmer) -> None:
        self.shelf, self.spawner = FakeShelf(), FakeSpawner()
        self.jobs = Jobs(shelf=self.shelf, spawner=self.spawner, clock=FakeClock())
        self.warmings = Warmings(
            groups=world.directory,
            warmer=lambda _: warmer,
            jobs=self.jobs,
            notes=FakeNotes(),
        )

    async def started(self) -> str:
        """Start a job and return its name."""
        return (await self.warmings.start(WHO, BOT, GROUP)).job

    async def state(self, name: str) -> str:
        """Tell how it is."""
        return (await self.jobs.job(WHO, name)).state


async def test_a_job_whose_instance_died_is_not_running_for_ever(world: World) -> None:
    """While it runs it is told anew twice a second; half a minute of silence is its end."""
    desk = Desk(world, Warmer())
    name = await desk.started()
    await eventually(lambda: desk.shelf.values[f"job:{name}"]["done"] == 3, "what is done is told")

    assert desk.shelf.seconds[f"job:{name}"] == 30
    for task in desk.spawner.tasks:
        task.cancel()
    await desk.spawner.finished()


async def test_a_job_that_is_broken_off_has_stopped(world: World) -> None:
    """Whoever waits for it hears so when the instance ends."""
    desk = Desk(world, Warmer())
    name = await desk.started()
    await eventually(lambda: desk.shelf.values[f"job:{name}"]["done"] == 3, "what is done is told")
    for task in desk.spawner.tasks:
        task.cancel()
    await desk.spawner.finished()

    assert await desk.state(name) == "failed"
    assert desk.shelf.values[f"job:{name}"]["detail"] == "it was broken off"
    assert desk.shelf.seconds[f"job:{name}"] == 3600


@pytest.mark.parametrize("error", [StoreUnavailableError("away"), RuntimeError("a fault of ours")])
async def test_a_job_that_fails_has_stopped(world: World, error: Exception) -> None:
    """Whatever it was."""
    desk = Desk(world, Warmer(error))
    name = await desk.started()
    await desk.spawner.finished()

    assert await desk.state(name) == "failed"
