"""Owns background tasks, so that none outlives the application and none fails in silence."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import structlog

from bot.core.clock import SystemClock
from bot.domain.errors import StoreUnavailableError

_PAUSE_SECONDS = 1.0

log = structlog.stdlib.get_logger()


class Tasks:
    """Starts work that nobody waits for. A fault in one piece of work is logged and ends only that piece."""

    def __init__(self, group: asyncio.TaskGroup, clock: SystemClock) -> None:
        self._group = group
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()
        self._at_end: list[Callable[[], Coroutine[object, object, None]]] = []

    def spawn(self, work: Coroutine[object, object, None], *, name: str) -> None:
        """Run `work` until it ends or the application closes. Raises StoreUnavailableError once it has closed."""
        self.start(work, name=name)

    def start(self, work: Coroutine[object, object, None], *, name: str) -> Callable[[], None]:
        """Do as `spawn` does, and return what ends the work."""
        guarded = _guarded(work, name)
        try:
            task = self._group.create_task(guarded, name=name)
        except RuntimeError as error:
            guarded.close()
            work.close()
            raise StoreUnavailableError("the instance is closing") from error
        self._running.add(task)
        task.add_done_callback(self._running.discard)

        def stop() -> None:
            task.cancel()

        return stop

    def keep(self, work: Callable[[], Coroutine[object, object, None]], *, name: str) -> None:
        """Run `work` until the application closes; should it fail, run it again after a second."""
        self.spawn(self._again_and_again(work, name), name=name)

    async def _again_and_again(self, work: Callable[[], Coroutine[object, object, None]], name: str) -> None:
        while True:
            await _guarded(work(), name)
            await self._clock.sleep(_PAUSE_SECONDS)

    def at_end(self, work: Callable[[], Coroutine[object, object, None]]) -> None:
        """Run `work` when the application closes, before all other work is cancelled."""
        self._at_end.append(work)

    async def cancel(self) -> None:
        """End all work and wait for its end; a library that lost one cancellation gets another."""
        for work in self._at_end:
            await _guarded(work(), "end")
        while self._running:
            for task in self._running:
                task.cancel()
            await asyncio.wait(self._running, timeout=_PAUSE_SECONDS)


@asynccontextmanager
async def background_tasks(clock: SystemClock) -> AsyncIterator[Tasks]:
    """Own tasks for the time of the block; at its end what still runs is cancelled and waited for."""
    async with asyncio.TaskGroup() as group:
        tasks = Tasks(group, clock)
        try:
            yield tasks
        finally:
            await tasks.cancel()


async def _guarded(work: Coroutine[object, object, None], name: str) -> None:
    try:
        await work
    except Exception:
        # The last stop of a fault nobody had an answer to; the rest of the application goes on.
        log.exception("task.failed", task=name)
