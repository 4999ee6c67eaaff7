"""What tidying up asks of the outside world."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.ids import BotId, GroupId, MessageId


class Broom(Protocol):
    """Deletions with a due time. Raises StoreUnavailableError."""

    async def delete_later(self, bot: BotId, chat: GroupId, messages: Sequence[MessageId], *, seconds: float) -> None:
        """Have messages deleted in so many seconds."""
        ...

    async def keep_for(self, bot: BotId, chat: GroupId, message: MessageId, *, seconds: float) -> None:
        """Put a deletion that waits off; nothing for a message that stays."""
        ...
