"""The audit in memory."""

from collections.abc import Mapping

from bot.domain.ids import BotId
from bot.domain.operator import By


class FakeNotes:
    """Keeps the details of what is noted."""

    def __init__(self) -> None:
        self.details: list[Mapping[str, object]] = []

    async def note(self, by: By, bot: BotId, action: str, chat: int | None, detail: Mapping[str, object]) -> None:
        """Keep the detail."""
        del by, bot, action, chat
        self.details.append(detail)
