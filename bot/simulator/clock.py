"""The simulator's own time: the machine's, or one that tests move."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

Cancel = Callable[[], None]


class Clock(Protocol):
    """What the simulator asks of time; everything that waits is built on `call_at`."""

    def now(self) -> float:
        """Return Unix seconds."""
        ...

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancel:
        """Call back once at that moment (soon, when it has passed); the answer cancels it."""
        ...

    def advance(self, seconds: float) -> None:
        """Jump forward; whatever fell due on the way is called in order."""
        ...


class SystemClock:
    """The machine's time, plus whatever it was advanced by."""

    def __init__(self) -> None:
        self._shift = 0.0
        self._numbers = itertools.count()
        self._timers: dict[int, tuple[float, Callable[[], None], asyncio.TimerHandle]] = {}

    def now(self) -> float:
        """Return Unix seconds."""
        return time.time() + self._shift

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancel:
        """Call back once at that moment; the answer cancels it."""
        number = next(self._numbers)
        self._arm(number, when, callback)
        return lambda: self._cancel(number)

    def advance(self, seconds: float) -> None:
        """Jump forward."""
        self._shift += seconds
        for number, (when, callback, handle) in sorted(self._timers.items(), key=lambda item: item[1][0]):
            handle.cancel()
            self._arm(number, when, callback)

    def _arm(self, number: int, when: float, callback: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        handle = loop.call_later(max(0.0, when - self.now()), self._fire, number)
        self._timers[number] = (when, callback, handle)

    def _fire(self, number: int) -> None:
        _, callback, _ = self._timers.pop(number)
        callback()

    def _cancel(self, number: int) -> None:
        timer = self._timers.pop(number, None)
        if timer is not None:
            timer[2].cancel()


class MovableClock:
    """A clock that stands still until somebody advances it."""

    def __init__(self, start: float | None = None) -> None:
        # Near the machine's time by default: the bot under test may reckon with its own clock.
        self._now = time.time() if start is None else start
        self._numbers = itertools.count()
        self._timers: dict[int, tuple[float, Callable[[], None]]] = {}

    def now(self) -> float:
        """Return Unix seconds."""
        return self._now

    def call_at(self, when: float, callback: Callable[[], None]) -> Cancel:
        """Call back once at that moment; the answer cancels it."""
        number = next(self._numbers)
        if when <= self._now:
            handle = asyncio.get_running_loop().call_soon(callback)
            return handle.cancel
        self._timers[number] = (when, callback)
        return lambda: self._cancel(number)

    def advance(self, seconds: float) -> None:
        """Jump forward."""
        target = self._now + seconds
        while due := [(when, number) for number, (when, _) in self._timers.items() if when <= target]:
            when, number = min(due)
            _, callback = self._timers.pop(number)
            self._now = max(self._now, when)
            callback()
        self._now = target

    def _cancel(self, number: int) -> None:
        self._timers.pop(number, None)


async def sleep(clock: Clock, seconds: float) -> None:
    """Wait for so much of the clock's time."""
    await wait(clock, asyncio.Event(), clock.now() + seconds)


async def wait(clock: Clock, event: asyncio.Event, until: float | None) -> None:
    """Return when the event is set or the clock reaches `until`, and clear the event."""
    cancel = None if until is None else clock.call_at(until, event.set)
    try:
        await event.wait()
        event.clear()
    finally:
        if cancel is not None:
            cancel()


@asynccontextmanager
async def deadline(clock: Clock, seconds: float) -> AsyncIterator[None]:
    """Raise TimeoutError when the body takes longer than that by the clock."""
    async with asyncio.timeout(None) as limit:
        cancel = clock.call_at(clock.now() + seconds, lambda: limit.reschedule(0))
        try:
            yield
        finally:
            cancel()
