"""Redis' part in logging in, in memory."""

from collections import Counter
from collections.abc import Mapping

from bot.domain.ids import BotId, UserId


class FakeShelf:
    """Keeps values for ever, and remembers for how long they were to be kept."""

    def __init__(self) -> None:
        self.values: dict[str, Mapping[str, object]] = {}
        self.seconds: dict[str, int] = {}
        self.counts: Counter[str] = Counter()

    async def put(self, name: str, value: Mapping[str, object], *, seconds: int) -> None:
        """Keep a value."""
        self.values[name], self.seconds[name] = value, seconds

    async def get(self, name: str, *, seconds: int | None = None) -> Mapping[str, object] | None:
        """Return a value."""
        if seconds is not None and name in self.values:
            self.seconds[name] = seconds
        return self.values.get(name)

    async def take(self, name: str) -> Mapping[str, object] | None:
        """Return a value and forget it."""
        return self.values.pop(name, None)

    async def count(self, name: str, *, seconds: int) -> int:
        """Count once more."""
        self.seconds[name] = seconds
        self.counts[name] += 1
        return self.counts[name]


class FakeOwners:
    """Whose the bots are."""

    def __init__(self) -> None:
        self.bots: dict[UserId, frozenset[BotId]] = {}

    async def bots_of_owner(self, user: UserId) -> frozenset[BotId]:
        """Return somebody's own bots."""
        return self.bots.get(user, frozenset())
