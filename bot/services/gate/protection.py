"""The worker: brings about in Telegram what the ledger wants, one case at a time, under a lease."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

import structlog

from bot.domain.errors import NotReadyError, StoreUnavailableError
from bot.domain.ids import BotId, CaseId
from bot.domain.restriction import Case, Wanted
from bot.services.gate.lines import Lines
from bot.services.gate.pauses import LONGEST_PAUSE_SECONDS, Respite, doubled
from bot.services.gate.shift import Shift
from bot.services.ports.ledger import CaseLedger
from bot.services.ports.runtime import Clock

# A dead instance's case is taken over when its lease of 3 s is out and the next sweep sees it: within 5 s.
_SWEEP_SECONDS = 0.5
_SWEEP_LIMIT = 200
_WORKERS = 40
# One bot's crowd waits for its budget with so many of them; the rest is there for all others.
_MOST_OF_A_BOT = 32
# After a fault of our own: not in a hot loop, and not so rarely that a passing one holds somebody for long.
# A call takes at most 2 s. What takes longer is given back, and found as a crash would have left it.
_DRAIN_SECONDS = 3.0

# A pause leaves time for a few cases only. What it put off is remembered here, as far as it is of use.
_MOST_PAUSED = 200
_LONGEST_REMEMBERED_PAUSE_SECONDS = 60.0

log = structlog.stdlib.get_logger()


CaseTrace = Callable[[BotId, CaseId], AbstractContextManager[None]]
"""Traces a turn at one case."""


def _untraced(bot: BotId, case: CaseId) -> AbstractContextManager[None]:
    del bot, case
    return nullcontext()


class Protection:
    """Works on cases that were woken in this process, and on those that nobody works on."""

    def __init__(
        self, *, ledger: CaseLedger, shifts: Callable[[], Shift], clock: Clock, trace: CaseTrace = _untraced
    ) -> None:
        self._ledger = ledger
        self._shifts = shifts
        self._clock = clock
        self._trace = trace
        self._lines = Lines(most=_MOST_OF_A_BOT)
        self._tasks = asyncio.TaskGroup()
        self._paused: set[CaseId] = set()
        self._busy: set[CaseId] = set()
        self._again: set[CaseId] = set()
        self._draining = asyncio.Event()
        self._idle = asyncio.Event()

    def wake(self, bot: BotId, cases: Sequence[CaseId], *, first: bool = False) -> None:
        """Look at these cases of a bot now; at those of people who are to be freed `first`."""
        self._again.update(case for case in cases if not self._lines.join(bot, case, first=first))

    @property
    def backlog(self) -> int:
        """How many cases wait for a worker in this process."""
        return len(self._lines)

    async def run(self) -> None:
        """Work until cancelled. A case under way is given back by its lease running out."""
        # Work that failed is run again, and a group of tasks is good for once.
        self._paused.clear()
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self._sweep())
            for _ in range(_WORKERS):
                self._tasks.create_task(self._work())

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
                for bot, case in await self._ledger.due(_SWEEP_LIMIT, without=self._lines.longer_than(_SWEEP_LIMIT)):
                    self.wake(bot, [case])
            except StoreUnavailableError:
                log.warning("protection.sweep_failed")
            await self._clock.sleep(_SWEEP_SECONDS)

    async def _work(self) -> None:
        while True:
            bot, case_id = await self._lines.take()
            is_put_off = False
            try:
                with self._trace(bot, case_id):
                    is_put_off = self._draining.is_set() or await self._turn(case_id)
            finally:
                self._lines.leave(bot, case_id)
                is_woken = case_id in self._again
                self._again.discard(case_id)
                # What failed is tried again when it is due, however often it was woken while it was worked on.
                if is_woken and not is_put_off:
                    self.wake(bot, [case_id])

    async def _turn(self, case_id: CaseId) -> bool:
        self._busy.add(case_id)
        try:
            return await self._one(case_id)
        finally:
            self._busy.discard(case_id)
            if self._draining.is_set() and not self._busy:
                self._idle.set()

    async def _one(self, case_id: CaseId) -> bool:
        """Work on a case; whether it is to be left alone until it is due."""
        shift = self._shifts()
        try:
            respite = await shift.run(case_id)
            self._go_on(shift.case, respite)
        except StoreUnavailableError:
            log.warning("protection.store_unavailable", case=case_id)
        except NotReadyError as error:
            log.warning("protection.not_ready", case=case_id, error=str(error))
            return await self._put_back(shift.case)
        except asyncio.CancelledError:
            # This instance stops: whoever sweeps next goes on where it was.
            with suppress(StoreUnavailableError):
                await self._ledger.give_back(case_id)
            raise
        except Exception:
            # The one catch-all of this worker: a fault in one case must not end the work on all others.
            log.exception("protection.failed", case=case_id)
            return await self._put_back(shift.case)
        else:
            return respite is not None
        return False

    def _go_on(self, case: Case | None, respite: Respite | None) -> None:
        """Take a case up again right after a pause: a sweep finds it later, and maybe that of another instance."""
        if case is None or respite is None or not respite.is_pause or case.case_id in self._paused:
            return
        if respite.seconds <= _LONGEST_REMEMBERED_PAUSE_SECONDS and len(self._paused) < _MOST_PAUSED:
            self._paused.add(case.case_id)
            self._tasks.create_task(self._wake_after(case, respite.seconds))

    async def _wake_after(self, case: Case, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._paused.discard(case.case_id)
        self.wake(case.bot_id, [case.case_id], first=case.wanted is Wanted.FREE)

    async def _put_back(self, case: Case | None) -> bool:
        """Try again later; where not even that can be written, when the lease has run out."""
        if case is None:
            return False
        try:
            return await self._ledger.postpone(case, seconds=doubled(1.0, case.attempts, LONGEST_PAUSE_SECONDS))
        except StoreUnavailableError:
            return True
