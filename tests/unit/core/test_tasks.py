"""Background work: owned, guarded, and kept going."""

import asyncio

import pytest

from bot.core.clock import SystemClock
from bot.core.tasks import background_tasks
from bot.domain.errors import StoreUnavailableError


class QuickClock(SystemClock):
    """A clock whose sleeps are over at once."""

    async def sleep(self, _: float) -> None:
        """Let others run."""
        await asyncio.sleep(0)


async def test_kept_work_starts_again_after_a_fault() -> None:
    """One fault must not end what the application lives from."""
    starts = 0
    settled = asyncio.Event()

    async def work() -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise RuntimeError("a fault")
        settled.set()
        await asyncio.Event().wait()

    async with background_tasks(QuickClock()) as tasks:
        tasks.keep(work, name="work")
        await asyncio.wait_for(settled.wait(), 30)

    assert starts == 3


async def test_a_fault_ends_only_its_own_work() -> None:
    """Other work, and the block itself, go on."""
    done = asyncio.Event()

    async def fails() -> None:
        raise RuntimeError("a fault")

    async def works() -> None:
        done.set()

    async with background_tasks(QuickClock()) as tasks:
        tasks.spawn(fails(), name="fails")
        tasks.spawn(works(), name="works")
        await asyncio.wait_for(done.wait(), 30)

    assert done.is_set()


async def test_the_end_waits_for_what_asks_for_it() -> None:
    """Before other work is cancelled; a fault in it keeps nothing from ending."""
    order: list[str] = []

    async def works() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            order.append("cancelled")

    async def fails() -> None:
        raise RuntimeError("a fault")

    async def ends() -> None:
        order.append("ended")

    async with background_tasks(QuickClock()) as tasks:
        tasks.spawn(works(), name="works")
        tasks.at_end(fails)
        tasks.at_end(ends)
        await asyncio.sleep(0)

    assert order == ["ended", "cancelled"]


async def test_the_end_insists() -> None:
    """Work that lost its cancellation, as libraries sometimes do, is cancelled again."""
    began = asyncio.Event()
    lost = 0

    async def work() -> None:
        nonlocal lost
        try:
            began.set()
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost += 1
        await asyncio.Event().wait()

    async with asyncio.timeout(30), background_tasks(SystemClock()) as tasks:
        tasks.spawn(work(), name="work")
        await began.wait()

    assert lost == 1


async def test_nothing_begins_after_the_end() -> None:
    """What an update still under way wants to start is refused, not lost in silence."""

    async def work() -> None:
        await asyncio.sleep(0)

    async with background_tasks(SystemClock()) as tasks:
        pass

    with pytest.raises(StoreUnavailableError):
        tasks.spawn(work(), name="late")


async def test_a_fault_in_one_task_does_not_end_the_others() -> None:
    """It is logged, and the rest goes on."""
    done = asyncio.Event()

    async def failing() -> None:
        raise RuntimeError("a fault")

    async def working() -> None:
        await asyncio.sleep(0)
        done.set()

    async with background_tasks(SystemClock()) as tasks:
        tasks.spawn(failing(), name="failing")
        tasks.spawn(working(), name="working")
        await asyncio.wait_for(done.wait(), 30)

    assert done.is_set()


async def test_no_task_outlives_its_block() -> None:
    """What still runs is cancelled and waited for."""
    ended: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("endless")

    async with background_tasks(SystemClock()) as tasks:
        tasks.spawn(endless(), name="endless")
        await asyncio.sleep(0)

    assert ended == ["endless"]
