"""What the services ask of the process they run in and of the other instances."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from bot.domain.ids import (
    BotId,
    CaseId,
    ChannelId,
    InstanceId,
    UserId,
)
from bot.domain.membership import Membership, Stamp


class Clock(Protocol):
    """Time, as a dependency."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Spawner(Protocol):
    """Owns background tasks: they end, at the latest, when the application closes."""

    def spawn(self, work: Coroutine[object, object, None], *, name: str) -> None: ...


class MembershipCache(Protocol):
    """Membership answers, in process and shared. Holds MEMBER and ABSENT, never UNKNOWN."""

    def recall(self, bot: BotId, user: UserId, channel: ChannelId) -> Membership | None:
        """Look in this process only."""
        ...

    def is_due(self, bot: BotId, user: UserId, channel: ChannelId) -> bool:
        """Whether a membership is known in this process and near its end."""
        ...

    def take_due(self, limit: int) -> Sequence[tuple[BotId, ChannelId, UserId]]:
        """Hand out memberships that were recalled near their end, each once."""
        ...

    async def read(self, bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> Mapping[ChannelId, Membership]:
        """Look in the shared store, in one round trip; what is not there is not in the answer either."""
        ...

    async def begin(self, bot: BotId, user: UserId, channel: ChannelId) -> int:
        """Start a question. Its answer is stored unless an event or a later question is answered first."""
        ...

    async def store(
        self, bot: BotId, user: UserId, channel: ChannelId, answer: Membership, generation: int
    ) -> Membership | None:
        """Store an answer unless something newer happened; return what holds now, None when nothing does."""
        ...

    async def record(self, bot: BotId, user: UserId, channel: ChannelId, answer: Membership, stamp: Stamp) -> bool:
        """Store what an event says, on every instance; False when a newer event was there first."""
        ...


class Instances(Protocol):
    """The heartbeat by which other instances know that this one lives."""

    @property
    def instance_id(self) -> InstanceId: ...
    async def beat(self) -> None: ...
    async def leave(self) -> None: ...


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


Waker = Callable[[Sequence[CaseId]], None]
"""Tells the worker of this process that these cases changed."""


class FirstWaker(Protocol):
    """A waker that knows whom to take first."""

    def __call__(self, cases: Sequence[CaseId], *, first: bool = False) -> None: ...


Poke = Callable[[], Awaitable[None]]
"""Tells all instances that the configuration changed."""


class Leader(Protocol):
    """Elects one instance for a task."""

    def held(self, purpose: int, subject: int) -> AbstractAsyncContextManager[Callable[[], Awaitable[None]]]:
        """Wait for the turn; yields a check that raises StoreUnavailableError once the turn is over."""
        ...
