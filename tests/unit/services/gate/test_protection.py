"""The worker: each case by one worker at a time, none forgotten, and no fault that ends the others."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress

import pytest

from bot.domain.errors import StoreUnavailableError, TelegramPausedError
from bot.domain.ids import BotId, CaseId, UserId
from bot.domain.restriction import Case
from bot.services.gate.protection import Protection
from tests.fakes.ports import FakeClock, for_a_while
from tests.kits.world import BOT, STRANGER, World

OTHER_BOT = BotId(43)


class _Worker:
    """A protection at work."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.protection = Protection(ledger=world.ledger, shifts=world.shift, clock=world.clock)


@pytest.fixture
async def worker(world: World) -> AsyncIterator[_Worker]:
    """Let a worker run for the time of the test."""
    worker = _Worker(world)
    task = asyncio.get_running_loop().create_task(worker.protection.run())
    yield worker
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _turns(count: int = 200) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_woken_case_is_worked_on_at_once(worker: _Worker) -> None:
    """In the process that committed it."""
    await worker.world.speak(STRANGER)
    worker.protection.wake(BOT, [worker.world.row().case.case_id])
    await _turns()

    assert worker.world.muted(STRANGER)


async def test_a_case_that_nobody_woke_is_found(worker: _Worker) -> None:
    """Its instance may have died between the commit and the waking."""
    await worker.world.speak(STRANGER)
    await _turns()

    assert worker.world.muted(STRANGER)


async def test_a_case_woken_while_it_is_worked_on_is_looked_at_again(worker: _Worker) -> None:
    """What came meanwhile is not lost."""
    world = worker.world
    await world.speak(STRANGER)
    case_id = world.row().case.case_id
    leased: list[str] = []

    async def count(name: str) -> None:
        await asyncio.sleep(0)
        if name == "lease":
            leased.append(name)
            worker.protection.wake(BOT, [case_id, case_id])

    world.store.hook = count
    worker.protection.wake(BOT, [case_id])
    await _turns(40)

    assert len(leased) >= 2


async def test_a_case_woken_twice_in_a_row_has_one_worker(world: World) -> None:
    """Two updates of an album may wake it before the worker that has it begins."""
    # Time stands still while a shift is at work: the sweep has a clock of its own.
    protection = Protection(ledger=world.ledger, shifts=world.shift, clock=FakeClock())
    task = asyncio.get_running_loop().create_task(protection.run())
    await _turns(5)
    await world.speak(STRANGER)
    case_id, asked = world.row().case.case_id, [0, 0]

    async def count(name: str) -> None:
        if name == "membership":
            asked[:] = asked[0] + 1, max(asked[1], asked[0] + 1)
            await _turns(10)
            asked[0] -= 1

    world.telegram.hook = count
    for _ in range(2):
        protection.wake(BOT, [case_id])
    await _turns()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    # Both channels are asked about at once, and not twice.
    assert asked == [0, 2]
    assert len(world.telegram.called("mute")) == 1


async def test_work_that_failed_is_run_again(world: World) -> None:
    """A fault beside all cases ends the work; whoever keeps it begins anew, and cases are worked on as before."""
    protection = Protection(ledger=world.ledger, shifts=world.shift, clock=FakeClock())

    async def break_down(name: str) -> None:
        if name == "due":
            raise RuntimeError(name)

    world.store.hook, free = break_down, world.store.hook
    with pytest.raises(ExceptionGroup):
        await protection.run()
    world.store.hook = free
    await world.speak(STRANGER)
    protection.wake(BOT, [world.row().case.case_id])
    await for_a_while(protection.run(), turns=200)

    assert len(world.telegram.called("mute")) == 1


async def test_a_case_woken_while_it_fails_waits_until_it_is_due(world: World) -> None:
    """Its message and the sweep may both wake it; the first repetition keeps its pause all the same."""
    # Time stands still while a shift is at work: the sweep has a clock of its own.
    protection = Protection(ledger=world.ledger, shifts=world.shift, clock=FakeClock())
    await world.speak(STRANGER)
    case_id = world.row().case.case_id
    leased: list[str] = []

    async def wake(name: str) -> None:
        await _break_down(name)
        leased.extend([name] if name == "lease" else [])
        if name != "due":
            protection.wake(BOT, [case_id])

    world.store.hook = world.telegram.hook = wake
    protection.wake(BOT, [case_id])
    task = asyncio.get_running_loop().create_task(protection.run())
    await _turns()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert leased == ["lease"]


@pytest.mark.parametrize(("seconds", "is_remembered"), [(2, True), (3600, False)])
async def test_what_a_pause_put_off_goes_on_right_after_it(
    world: World, seconds: float, *, is_remembered: bool
) -> None:
    """In this process, which knows what it had done; a sweep would come later, and maybe that of another instance."""

    async def none_due(limit: int, *, without: Collection[BotId] = ()) -> Sequence[tuple[BotId, CaseId]]:
        del limit, without
        return []

    world.ledger.due = none_due  # type: ignore[method-assign]  # nothing is found by a sweep
    world.telegram.fail(
        "member_state", *[TelegramPausedError(method="getChatMember", description="429", retry_after=seconds)] * 3
    )
    await world.speak(STRANGER)
    # Time stands still while a shift is at work: the sweep and the pauses have a clock of their own.
    clock = FakeClock()
    protection = Protection(ledger=world.ledger, shifts=world.shift, clock=clock)
    protection.wake(BOT, [world.row().case.case_id])
    task = asyncio.get_running_loop().create_task(protection.run())
    await _turns(1000)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert world.muted(STRANGER) == is_remembered
    assert sum(2 <= slept < 2.5 for slept in clock.slept) == 3 * is_remembered


async def test_one_bots_crowd_leaves_workers_to_the_others(world: World) -> None:
    """A thousand cases of one bot hang in calls; another's is worked on at once."""
    released, order = asyncio.Event(), []

    async def lease(case_id: CaseId) -> Case | None:
        order.append(case_id)
        if case_id <= 1000:
            await released.wait()
        return None

    world.ledger.lease = lease  # type: ignore[method-assign]  # only who is taken matters here
    protection = Protection(ledger=world.ledger, shifts=world.shift, clock=world.clock)
    protection.wake(BOT, [CaseId(number) for number in range(1, 1001)])
    task = asyncio.get_running_loop().create_task(protection.run())
    await _turns()
    crowd = len(order)
    protection.wake(OTHER_BOT, [CaseId(2001)])
    await _turns()
    taken = list(order)
    released.set()
    await _turns(3000)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert crowd < 40
    assert taken[-1] == 2001
    assert len(order) == 1001


async def test_a_fault_in_one_case_does_not_stop_the_others(worker: _Worker) -> None:
    """A bug of ours costs one case its turn; the sweep brings it back when its lease is out."""
    faults = [ValueError("a fault"), StoreUnavailableError("away")]

    async def fail(name: str) -> None:
        await asyncio.sleep(0)
        if name == "muting" and faults:
            raise faults.pop(0)

    worker.world.store.hook = fail
    for user in (3, 4, 5):
        await worker.world.speak(UserId(user))
    await _turns(3000)

    assert faults == []
    assert all(worker.world.muted(UserId(user)) for user in (3, 4, 5))


async def test_a_fault_that_stays_is_tried_more_and_more_rarely(world: World) -> None:
    """A case that cannot be worked on costs an error each 5 minutes in the end, and not one every 3 s."""
    # Time stands still while a shift is at work: the sweep has a clock of its own.
    protection = Protection(ledger=world.ledger, shifts=world.shift, clock=FakeClock())
    await world.speak(STRANGER)
    world.telegram.hook = _break_down
    pauses: list[float] = []
    task = asyncio.get_running_loop().create_task(protection.run())
    for _ in range(12):
        await _turns()
        pauses.append(((world.row().due_at or world.clock.now()) - world.clock.now()).total_seconds())
        world.clock.advance(pauses[-1])
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


async def _break_down(name: str) -> None:
    await asyncio.sleep(0)
    if name == "mute":
        raise ValueError("a fault")


async def test_without_postgres_the_worker_waits(worker: _Worker) -> None:
    """And goes on when it is back."""
    world = worker.world
    await world.speak(STRANGER)
    outage = iter([True] * 5)

    async def away(_: str) -> None:
        await asyncio.sleep(0)
        if next(outage, False):
            raise StoreUnavailableError("away")

    world.store.hook = away
    await _turns(3000)

    assert world.muted(STRANGER)


async def test_a_worker_that_is_stopped_gives_its_case_back(world: World) -> None:
    """The next instance goes on at once, without waiting for the lease to run out."""
    reached = asyncio.Event()

    async def hang(name: str) -> None:
        if name == "mute":
            reached.set()
            await asyncio.Event().wait()

    world.telegram.hook = hang
    await world.speak(STRANGER)
    worker = _Worker(world)
    task = asyncio.get_running_loop().create_task(worker.protection.run())
    await asyncio.wait_for(reached.wait(), 30)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert world.row().lease_owner is None


async def test_a_worker_that_is_about_to_stop_ends_what_it_is_at(worker: _Worker) -> None:
    """A call cut short may have been carried out, and would be done again; nothing new is taken up."""
    world = worker.world
    reached, answered = asyncio.Event(), asyncio.Event()

    async def wait(name: str) -> None:
        if name == "mute":
            reached.set()
            await answered.wait()

    world.telegram.hook = wait
    await world.speak(STRANGER)
    await asyncio.wait_for(reached.wait(), 30)
    drained = asyncio.get_running_loop().create_task(worker.protection.drain())
    await world.speak(UserId(7))
    worker.protection.wake(BOT, [CaseId(2)])
    await _turns()
    waits = not drained.done()
    answered.set()
    await asyncio.wait_for(drained, 30)

    assert waits
    assert world.muted(STRANGER)
    assert not world.muted(UserId(7))


async def test_a_case_is_queued_once(world: World) -> None:
    """However often it is woken."""
    protection = _Worker(world).protection
    protection.wake(BOT, [CaseId(1), CaseId(2)])
    protection.wake(BOT, [CaseId(1)])

    assert protection.backlog == 2


async def test_whoever_is_to_be_freed_is_taken_first(world: World) -> None:
    """However many cases wait: also one that waits already is moved forward, and still worked on once."""
    order: list[CaseId] = []

    async def lease(case_id: CaseId) -> Case | None:
        order.append(case_id)
        return None

    world.ledger.lease = lease  # type: ignore[method-assign]  # only the order matters here
    protection = Protection(ledger=world.ledger, shifts=world.shift, clock=world.clock)
    protection.wake(BOT, [CaseId(number) for number in range(100)])
    protection.wake(BOT, [CaseId(70), CaseId(200)], first=True)
    waiting = protection.backlog
    task = asyncio.get_running_loop().create_task(protection.run())
    await _turns()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task

    assert waiting == 101
    assert order[:3] == [70, 200, 0]
    assert len(order) == len(set(order)) == 101
