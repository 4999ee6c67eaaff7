"""What happened: every Bot API call and every delivery, and a pulse for whoever waits for the next thing."""

import asyncio
from dataclasses import dataclass, field

from .model import JsonObject
from .updates import Update


@dataclass(slots=True, eq=False)
class Call:
    """One Bot API call; `status` stays 0 while it runs, and when it was dropped before anything was done."""

    number: int
    at: float
    bot_id: int
    method: str
    params: JsonObject
    status: int = 0
    result: object = None
    error: str | None = None
    retry_after: int | None = None
    fault: str | None = None
    seconds: float = 0.0
    is_running: bool = True


@dataclass(slots=True, eq=False)
class Delivery:
    """One attempt to hand an update to a webhook."""

    number: int
    bot_id: int
    update_id: int
    kind: str
    queue: int
    attempt: int
    url: str
    started: float
    status: int | None = None
    error: str | None = None
    retry_after: int | None = None
    """After how many seconds the webhook wanted to be asked again."""
    finished: float | None = None


@dataclass(slots=True, eq=False)
class Happening:
    """One line of the event stream."""

    sequence: int
    event: str
    data: JsonObject


@dataclass(slots=True, eq=False)
class Record:
    """The log of one simulator, with a sequence number that grows with every change."""

    calls: list[Call] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    answers: list[Happening] = field(default_factory=list)
    running: dict[int, Call] = field(default_factory=dict)
    keeps: int | None = None
    sequence: int = 0
    is_closing: bool = False
    _last_call: int = 0
    _last_delivery: int = 0
    _waiters: set[asyncio.Event] = field(default_factory=set)

    def begin(self, *, at: float, bot_id: int, method: str, params: JsonObject) -> Call:
        """Record a call that begins."""
        self._last_call += 1
        call = Call(self._last_call, at, bot_id, method, params)
        self.calls.append(call)
        self.running[call.number] = call
        self._trim(self.calls)
        return call

    def end(self, call: Call, *, at: float) -> None:
        """Record that a call is over."""
        call.seconds = at - call.at
        call.is_running = False
        self.running.pop(call.number, None)
        self.changed()

    def attempt(self, update: Update, *, bot_id: int, url: str, at: float) -> Delivery:
        """Record an attempt to deliver an update."""
        self._last_delivery += 1
        entry = Delivery(
            self._last_delivery, bot_id, update.id, update.kind, update.queue, update.attempts, url, started=at
        )
        self.deliveries.append(entry)
        self._trim(self.deliveries)
        return entry

    @property
    def last_call(self) -> int:
        """The number of the newest call; numbers begin at 1."""
        return self._last_call

    @property
    def last_delivery(self) -> int:
        """The number of the newest delivery."""
        return self._last_delivery

    def calls_after(self, number: int) -> list[Call]:
        """Return the calls with a higher number that are still kept."""
        return self.calls[len(self.calls) - min(len(self.calls), self._last_call - number) :]

    def deliveries_after(self, number: int) -> list[Delivery]:
        """Return the deliveries with a higher number that are still kept."""
        return self.deliveries[len(self.deliveries) - min(len(self.deliveries), self._last_delivery - number) :]

    def _trim(self, entries: list[Call] | list[Delivery]) -> None:
        # Twice the wanted length, so that cutting is rare.
        if self.keeps is not None and len(entries) > 2 * self.keeps:
            del entries[: -self.keeps]

    def changed(self) -> None:
        """Wake everybody who waits for something to happen."""
        self.sequence += 1
        for event in self._waiters:
            event.set()

    def close(self) -> None:
        """End all waiting for good."""
        self.is_closing = True
        self.changed()

    def subscribe(self) -> asyncio.Event:
        """Return an event that is set at every change until it is handed to `unsubscribe`."""
        event = asyncio.Event()
        self._waiters.add(event)
        return event

    def unsubscribe(self, event: asyncio.Event) -> None:
        """Forget a subscription."""
        self._waiters.discard(event)
