"""The simulator's two clocks."""

import asyncio

import pytest

from bot.simulator import Clock, MovableClock, SystemClock
from bot.simulator.clock import deadline, sleep


@pytest.mark.parametrize("clock", [MovableClock(), SystemClock()], ids=["movable", "system"])
async def test_advancing_fires_what_fell_due_in_order(clock: Clock) -> None:
    """Timers fire in the order of their times, those further ahead stay."""
    fired: list[str] = []
    now = clock.now()
    clock.call_at(now + 20, lambda: fired.append("second"))
    clock.call_at(now + 10, lambda: fired.append("first"))
    cancel = clock.call_at(now + 15, lambda: fired.append("cancelled"))
    clock.call_at(now + 900, lambda: fired.append("later"))
    cancel()
    clock.advance(60)
    await asyncio.sleep(0.01)

    assert fired == ["first", "second"]
    assert clock.now() >= now + 60


async def test_a_movable_clock_stands_still() -> None:
    """Nobody wakes until somebody advances it."""
    clock = MovableClock(start=1000.0)
    sleeper = asyncio.ensure_future(sleep(clock, 5))
    await asyncio.sleep(0.02)
    early = sleeper.done()
    clock.advance(5)
    await asyncio.wait_for(sleeper, 30)

    assert not early
    assert clock.now() == 1005.0


async def test_a_deadline_counts_the_clocks_time() -> None:
    """An hour of the clock ends what takes longer than a minute."""
    clock = MovableClock()
    asyncio.get_running_loop().call_later(0.01, clock.advance, 3600)

    with pytest.raises(TimeoutError):
        async with deadline(clock, 60):
            await asyncio.Event().wait()
