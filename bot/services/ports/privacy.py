"""What the rights of people over what is known about them ask of the outside world."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.domain.ids import BotId, UserId
from bot.domain.operator import By

Export = Mapping[str, Sequence[Mapping[str, object]]]
"""Rows by what they are, each with the bot they belong to."""


class PersonalRows(Protocol):
    """What PostgreSQL knows about somebody. All methods raise StoreUnavailableError."""

    async def export(self, user: UserId) -> Export: ...
    async def forget(self, bot: BotId, user: UserId) -> None:
        """Erase what one bot knows, except for open cases; who is exempt stays so, without a name."""
        ...

    async def free(self, user: UserId) -> None:
        """Want them free wherever they are muted."""
        ...

    async def unfreed(self, user: UserId) -> int:
        """Count the cases and bans that are still to be ended."""
        ...

    async def erase(self, user: UserId, *, by: By, abandon: bool) -> bool:
        """Erase everything, and give them a pseudonym in the audit. False when a case is open, unless abandoned."""
        ...


class Sightings(Protocol):
    """What this instance has noted of people, and will write."""

    async def forget(self, bot: BotId, user: UserId) -> None:
        """Let go of it, so that it is not written after all has been erased."""
        ...


class PersonalKeys(Protocol):
    """What Redis, and with it the memory of instances, knows about somebody."""

    async def erase(self, user: UserId, bot: BotId | None = None) -> None:
        """Erase it, of one bot or of all. Raises NotReadyError."""
        ...
