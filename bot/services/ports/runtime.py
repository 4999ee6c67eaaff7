"""What the services ask of the process they run in: time, tasks, words, counters, and the other instances."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from bot.domain.ids import BotId, CaseId


class Clock(Protocol):
    """Time, as a dependency."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Spawner(Protocol):
    """Owns background tasks: they end, at the latest, when the application closes."""

    def spawn(self, work: Coroutine[object, object, None], *, name: str) -> None: ...


Stop = Callable[[], None]
"""Ends work that was started; a second time does nothing."""


class Starter(Protocol):
    """Owns background tasks that may be ended one by one."""

    def start(self, work: Coroutine[object, object, None], *, name: str) -> Stop: ...


class Texts(Protocol):
    """Every sentence the bot says."""

    @property
    def languages(self) -> tuple[str, ...]: ...

    def say(self, key: str, language: str, **values: str | int) -> str:
        """Return the sentence as HTML: what is put in is escaped."""
        ...

    def toast(self, key: str, language: str, **values: str | int) -> str:
        """Return the sentence as plain text of at most 200 characters, for the answer to a button."""
        ...

    def name(self, language: str) -> str:
        """Return what those who speak a language call it."""
        ...

    def supported(self, language: str | None) -> str:
        """Return the nearest language the bot speaks."""
        ...


class Journal(Protocol):
    """Counts outcomes and keeps the last ones for the people who ask why."""

    def looked_up(self, layer: str, *, hits: int, misses: int) -> None: ...
    def verified(self, outcome: str, source: str, seconds: float) -> None: ...
    def case_closed(self, outcome: str) -> None: ...
    def effect(self, kind: str, result: str) -> None: ...
    def reconciled(self, difference: str) -> None: ...


Waker = Callable[[BotId, Sequence[CaseId]], None]
"""Tells the workers of this process that these cases of a bot changed."""


class FirstWaker(Protocol):
    """A waker that knows whom to take first."""

    def __call__(self, bot: BotId, cases: Sequence[CaseId], *, first: bool = False) -> None: ...


Poke = Callable[[], Awaitable[None]]
"""Tells all instances that the configuration changed."""


StillMine = Callable[[], Awaitable[None]]
"""Raises StoreUnavailableError once another instance may have the turn."""


class Leader(Protocol):
    """Elects one instance for a task."""

    def held(self, purpose: int, subject: int) -> AbstractAsyncContextManager[StillMine]:
        """Wait for the turn; yields what says whether it still is."""
        ...
