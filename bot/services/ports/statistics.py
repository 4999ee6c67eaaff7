"""What statistics ask of the outside world."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from bot.domain.ids import BotId, GroupId
from bot.domain.stats import Day

Draw = Callable[[Sequence[Day]], Awaitable[bytes]]
"""Draws the days as a picture (PNG)."""


class Figures(Protocol):
    """The days of a group, the last one today. Raises StoreUnavailableError."""

    async def days(self, bot: BotId, group: GroupId, former: Sequence[GroupId], count: int) -> Sequence[Day]: ...
