"""Work that waits in PostgreSQL: turn after turn, all that is due side by side, through outages and faults."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable

import structlog

from bot.domain.errors import StoreUnavailableError
from bot.services.ports.runtime import Clock

_PAUSE_SECONDS = 0.5

Work = Coroutine[object, object, None]

log = structlog.stdlib.get_logger()


async def take_turns(turn: Callable[[], Awaitable[None]], *, name: str, clock: Clock) -> None:
    """Take turns until cancelled."""
    while True:
        try:
            await turn()
        except StoreUnavailableError:
            log.warning("turn.store_unavailable", work=name)
        await clock.sleep(_PAUSE_SECONDS)


async def side_by_side(work: Iterable[Work], *, name: str) -> None:
    """Do everything at once and wait for the end of all.

    What fails, or was done and could not be noted, is done again when its lease has run out. It does not cut short the
    others: a call to Telegram that is broken off may have been carried out, and would be made twice.
    """
    async with asyncio.TaskGroup() as tasks:
        for each in work:
            tasks.create_task(_guarded(each, name))


async def _guarded(work: Work, name: str) -> None:
    try:
        await work
    except StoreUnavailableError:
        log.warning("turn.store_unavailable", work=name)
    except Exception:
        # The one catch-all of such work: a fault in one row must not end the work on all others.
        log.exception("turn.failed", work=name)
