"""The live feed, as whoever shows it sees it."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from bot.domain.feed import Line, Published
from bot.domain.ids import BotId


class Watcher(Protocol):
    """One who watches."""

    async def next(self) -> Published:
        """Wait for a line that was not told yet."""
        ...


class LiveFeed(Protocol):
    """What happens now. Raises NotReadyError without Redis."""

    async def place(self) -> str:
        """Return where the feed ends now."""
        ...

    def watching(self, after: str) -> AbstractAsyncContextManager[Watcher]:
        """Tell everything behind a place, then what happens, for as long as the block lasts."""
        ...


class RecentLines(Protocol):
    """What happened last. Raises StoreUnavailableError."""

    async def recent(self, bots: Sequence[BotId] | None, limit: int) -> Sequence[Line]:
        """Return the last lines, the newest first."""
        ...
