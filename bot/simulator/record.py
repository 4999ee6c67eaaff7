"""What happened: every Bot API call and every delivery, and a pulse for whoever waits for the next thing."""

import asyncio
from dataclasses import dataclass, field

from .model import JsonObject


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
    sequence: int = 0
    is_closing: bool = False
    _waiters: set[asyncio.Event] = field(default_factory=set)

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
