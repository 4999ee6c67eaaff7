"""getUpdates: long polls, confirmation by offset, and one poller at a time."""

import asyncio

from .clock import Clock, wait
from .errors import ApiError
from .model import JsonObject
from .record import Record
from .updates import Update, UpdateLog

LONGEST_POLL = 50
MOST_UPDATES = 100
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
OTHER_POLLER = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"


class Poller:
    """Serves the polls of one bot."""

    def __init__(self, *, log: UpdateLog, clock: Clock, record: Record) -> None:
        self._log = log
        self._clock = clock
        self._record = record
        self._waiting: asyncio.Event | None = None
        self.has_polled = False

    @property
    def is_idle(self) -> bool:
        """Whether the poller, where there is one, has confirmed everything."""
        return not self.has_polled or bool(self._log.webhook.url) or not self._log.pending

    def wake(self) -> None:
        """Let the waiting poll look again: there are updates, or it has no business any more."""
        if self._waiting is not None:
            self._waiting.set()

    async def poll(self, *, offset: int, limit: int, timeout_seconds: int) -> list[JsonObject]:
        """Confirm what lies before the offset and return what comes next; a second poll ends the first."""
        self._check_webhook()
        self.has_polled = True
        self._confirm(offset)
        self.wake()
        mine = self._waiting = asyncio.Event()
        until = self._clock.now() + min(max(timeout_seconds, 0), LONGEST_POLL)
        while not (batch := self._batch(limit)) and self._clock.now() < until and not self._record.is_closing:
            await wait(self._clock, mine, until)
            if self._waiting is not mine:
                raise ApiError(OTHER_POLLER, code=409)
            self._check_webhook()
        return [{"update_id": update.id, update.kind: update.body} for update in batch]

    def _check_webhook(self) -> None:
        if self._log.webhook.url:
            raise ApiError(WEBHOOK_ACTIVE, code=409)

    def _confirm(self, offset: int) -> None:
        waiting = list(self._log.pending.values())
        confirmed = waiting[:offset] if offset < 0 else [update for update in waiting if update.id < offset]
        for update in confirmed:
            self._log.forget(update)
        if confirmed:
            self._record.changed()

    def _batch(self, limit: int) -> list[Update]:
        self._log.expire(self._clock.now())
        size = limit if 0 < limit <= MOST_UPDATES else MOST_UPDATES
        return list(self._log.pending.values())[:size]
