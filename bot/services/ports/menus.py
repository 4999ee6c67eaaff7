"""What keeping the bot's profile asks of the outside world."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.ids import BotId
from bot.domain.menu import Command


class Profile(Protocol):
    """Telegram's side of it; `language` is empty for everybody else's. Raises as TelegramModeration does."""

    async def set_commands(self, bot: BotId, scope: str, language: str, commands: Sequence[Command]) -> None: ...
    async def description(self, bot: BotId) -> str: ...
    async def describe(self, bot: BotId, language: str, *, long: str, short: str) -> None: ...
    async def set_rights(self, bot: BotId, rights: frozenset[str], *, for_channels: bool) -> None: ...


class MenuNotes(Protocol):
    """What was set last. Raises StoreUnavailableError."""

    async def menu_set(self, bot: BotId) -> str | None: ...
    async def note_menu(self, bot: BotId, fingerprint: str) -> None: ...
