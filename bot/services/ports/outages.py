"""What outages ask of the outside world: whether there is one, and what outlasts it."""

from collections.abc import Collection, Sequence
from typing import Protocol

from bot.domain.ids import BotId, CaseId, GroupId, UserId
from bot.domain.intent import KeptUpdate
from bot.domain.reminder import Reminder
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


class Reminders(Protocol):
    """The reminders that stand, of all instances as far as there is Redis."""

    async def take_turn(self, bot: BotId, group: GroupId, *, seconds: float) -> bool:
        """Take a group's turn for so long; of all instances one gets it. Raises NotReadyError."""
        ...

    async def stands(self, reminder: Reminder) -> None:
        """Note a reminder that was said. Raises NotReadyError when only this process knows of it."""
        ...

    async def standing(self, bot: BotId, group: GroupId) -> Sequence[Reminder]:
        """Return what stands in a group, whoever said it. Raises NotReadyError."""
        ...

    async def left(self) -> Sequence[Reminder]:
        """Return what is to go once the outage is over: this process's own, and what nobody else's turn is about."""
        ...

    async def gone(self, reminder: Reminder) -> None: ...


class Outage(Protocol):
    """Whether PostgreSQL is away."""

    @property
    def away(self) -> bool: ...
