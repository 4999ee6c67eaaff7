"""Waiting with a bound, and blocking work off the event loop."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

_STEP_SECONDS = 0.02

Result = TypeVar("Result")


class Clock(Protocol):
    """What waiting needs of a clock."""

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Suspend the calling task."""
        ...


async def until(condition: Callable[[], bool], *, clock: Clock, timeout_seconds: float) -> bool:
    """Ask again and again until the condition holds; False when time ran out."""
    deadline = clock.monotonic() + timeout_seconds
    while not condition():
        if clock.monotonic() >= deadline:
            return False
        await clock.sleep(_STEP_SECONDS)
    return True


async def in_thread(work: Callable[[], Result]) -> Result:
    """Run blocking work in a thread.

    A cancelled caller still waits for the end of the work: nothing goes on behind a lock given back.
    """
    future = asyncio.get_running_loop().run_in_executor(None, work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await asyncio.wait([future])
        raise
