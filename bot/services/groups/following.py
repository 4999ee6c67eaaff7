"""Following the configuration: a published change is read at once, and a lost message heals by the next poll."""

import asyncio
from abc import ABC, abstractmethod

from bot.domain.errors import StoreUnavailableError

_POLL_SECONDS = 0.5


class Follower(ABC):
    """Reads what changed when somebody says so, and each half second."""

    def __init__(self) -> None:
        self._poked = asyncio.Event()

    @abstractmethod
    async def refresh(self) -> None:
        """Read what changed since the last time. Raises StoreUnavailableError."""

    def poke(self) -> None:
        """Read the configuration soon: somebody says that it changed."""
        self._poked.set()

    async def run(self) -> None:
        """Follow the configuration until cancelled; keep the last known one while PostgreSQL is away."""
        while True:
            try:
                async with asyncio.timeout(_POLL_SECONDS):
                    await self._poked.wait()
            except TimeoutError:
                pass
            self._poked.clear()
            try:
                await self.refresh()
            except StoreUnavailableError:
                continue
