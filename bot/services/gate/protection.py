"""The worker: brings about in Telegram what the ledger wants, one case at a time, under a lease."""

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import suppress

import structlog

from bot.domain.errors import NotReadyError, StoreUnavailableError
from bot.domain.ids import CaseId
from bot.domain.restriction import Case
from bot.services.gate.pauses import doubled
from bot.services.gate.shift import Shift, ShiftMaker
from bot.services.ports.ledger import CaseLedger
from bot.services.ports.runtime import Clock

# A dead instance's case is taken over when its lease of 3 s is out and the next sweep sees it: within 5 s.
_SWEEP_SECONDS = 0.5
_SWEEP_LIMIT = 200
_WORKERS = 32
# After a fault of our own: not in a hot loop, and not so rarely that a passing one holds somebody for long.
_LONGEST_PAUSE_SECONDS = 300.0
# A call takes at most 2 s. What takes longer is given back, and found as a crash would have left it.
_DRAIN_SECONDS = 3.0

log = structlog.stdlib.get_logger()


class Protection:
    """Works on cases that were woken in this process, and on those that nobody works on."""

    def __init__(self, *, ledger: CaseLedger, shifts: ShiftMaker, clock: Clock) -> None:
        self._ledger = ledger
        self._shifts = shifts
        self._clock = clock
        # By place, then in the order they came; a case that is moved forward stands in it twice.
        self._queue: asyncio.PriorityQueue[tuple[int, int, CaseId]] = asyncio.PriorityQueue()
        self._numbers = itertools.count()
        self._queued: dict[CaseId, int] = {}
        self._busy: set[CaseId] = set()
        self._again: set[CaseId] = set()
        self._draining = asyncio.Event()
        self._idle = asyncio.Event()

    def wake(self, cases: Sequence[CaseId], *, first: bool = False) -> None:
        """Look at these cases now; at those of people who are to be freed `first`."""
        place = 0 if first else 1
        for case in cases:
            if case in self._busy:
                self._again.add(case)
            elif place < self._queued.get(case, 2):
                self._queued[case] = place
                self._queue.put_nowait((place, next(self._numbers), case))

    @property
    def backlog(self) -> int:
        """How many cases wait for a worker in this process."""
        return len(self._queued)

    async def run(self) -> None:
        """Work until cancelled. A case under way is given back by its lease running out."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sweep())
            for _ in range(_WORKERS):
                tasks.create_task(self._work())

    async def drain(self) -> None:
        """Take up nothing more and let what is under way end: a call cut short may be done, and is done again."""
        self._draining.set()
        if self._busy:
            with suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_SECONDS):
                    await self._idle.wait()

    async def _sweep(self) -> None:
        while not self._draining.is_set():
            try:
                # Cases this process works on are leased, so they do not come up here.
                self.wake(await self._ledger.due(_SWEEP_LIMIT))
            except StoreUnavailableError:
                log.warning("protection.sweep_failed")
            await self._clock.sleep(_SWEEP_SECONDS)

    async def _work(self) -> None:
        while True:
            _, _, case_id = await self._queue.get()
            if self._queued.pop(case_id, None) is None or self._draining.is_set():
                continue
            self._busy.add(case_id)
            try:
                await self._one(case_id)
            finally:
                self._busy.discard(case_id)
                if self._draining.is_set() and not self._busy:
                    self._idle.set()
                if case_id in self._again:
                    self._again.discard(case_id)
                    self.wake([case_id])

    async def _one(self, case_id: CaseId) -> None:
        case: Case | None = None
        try:
            case = await self._ledger.lease(case_id)
            if case is not None:
                shift: Shift = self._shifts(case)
                try:
                    await shift.run()
                finally:
                    case = shift.case
        except StoreUnavailableError:
            log.warning("protection.store_unavailable", case=case_id)
        except NotReadyError as error:
            log.warning("protection.not_ready", case=case_id, error=str(error))
            if case is not None:
                await self._put_back(case)
        except asyncio.CancelledError:
            # This instance stops: whoever sweeps next goes on where it was.
            with suppress(StoreUnavailableError):
                await self._ledger.give_back(case_id)
            raise
        except Exception:
            # The one catch-all of this worker: a fault in one case must not end the work on all others.
            log.exception("protection.failed", case=case_id)
            if case is not None:
                await self._put_back(case)

    async def _put_back(self, case: Case) -> None:
        """Try again later; where not even that can be written, when the lease has run out."""
        with suppress(StoreUnavailableError):
            await self._ledger.postpone(case, seconds=doubled(1.0, case.attempts, _LONGEST_PAUSE_SECONDS))
