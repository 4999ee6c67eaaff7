"""What logging in asks of the outside world."""

from collections.abc import Mapping
from typing import Protocol

from bot.domain.ids import BotId, UserId


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


class Owners(Protocol):
    """Whose the bots are. Raises StoreUnavailableError."""

    async def bots_of_owner(self, user: UserId) -> frozenset[BotId]: ...
