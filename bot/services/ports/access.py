"""What logging in asks of the outside world."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from bot.domain.ids import BotId, UserId
from bot.domain.operator import By


class Shelf(Protocol):
    """Values by name, each for a while. Every method raises NotReadyError without Redis."""

    async def put(self, name: str, value: Mapping[str, object], *, seconds: int) -> None: ...
    async def get(self, name: str, *, seconds: int | None = None) -> Mapping[str, object] | None:
        """Return a value; with `seconds` it is kept for so long from now on."""
        ...

    async def take(self, name: str) -> Mapping[str, object] | None:
        """Return a value and forget it: of all who ask, one gets it."""
        ...

    async def count(self, name: str, *, seconds: int) -> int:
        """Count once more, and return how often that was within so many seconds."""
        ...


class OwnerBook(Protocol):
    """Whose the bots are, as operators change it. Raises StoreUnavailableError."""

    async def owners_of_bot(self, bot: BotId) -> Sequence[UserId]: ...
    async def add_owner(self, bot: BotId, user: UserId, by: By) -> bool:
        """Note an owner; False when it is one already. Raises NotHostedError."""
        ...

    async def drop_owner(self, bot: BotId, user: UserId, by: By) -> bool: ...


class Owners(Protocol):
    """Whose the bots are. Raises StoreUnavailableError."""

    async def bots_of_owner(self, user: UserId) -> frozenset[BotId]: ...
