"""What outages ask of the outside world: whether there is one, and what outlasts it."""

from collections.abc import Collection, Sequence
from typing import Protocol

from bot.domain.ids import BotId, CaseId, UserId
from bot.domain.intent import KeptUpdate
from bot.domain.restriction import CaseCopy


class CaseCopies(Protocol):
    """Copies of open cases that do not need PostgreSQL; some may be missing. All methods raise NotReadyError."""

    async def of_user(self, bot: BotId, user: UserId) -> Sequence[CaseCopy]: ...
    async def find(self, cases: Sequence[CaseId]) -> Sequence[CaseCopy]: ...


class Backlog(Protocol):
    """Updates that wait for PostgreSQL, and are acknowledged all the same."""

    async def keep(self, update: KeptUpdate) -> bool:
        """Keep an update, or another one of its key; False when there is no room. Raises NotReadyError."""
        ...

    async def bots(self) -> Collection[BotId]: ...
    async def empty(self, bot: BotId) -> bool: ...
    async def first(self, bot: BotId, limit: int) -> Sequence[KeptUpdate]:
        """Return what waits for the bot, in the order in which Telegram made it."""
        ...

    async def done(self, update: KeptUpdate) -> None: ...


class Outage(Protocol):
    """Whether PostgreSQL is away."""

    @property
    def away(self) -> bool: ...
