"""What answering requests to join asks of the outside world."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.ids import BotId, GroupId, MessageId, UserId
from bot.domain.knock import Knock, Ruling
from bot.services.ports.telegram import TelegramMessages


class KnockStore(Protocol):
    """Requests to join that wait. A request that changed meanwhile stays due. Raises StoreUnavailableError."""

    async def take(self, limit: int) -> Sequence[Knock]:
        """Lease due requests for 10 s."""
        ...

    async def told(self, knock: Knock, message: MessageId | None) -> None:
        """Remember what they were told, and wait until they join or the request expires."""
        ...

    async def later(self, knock: Knock, *, seconds: float) -> None:
        """Try again later."""
        ...

    async def done(self, knock: Knock) -> None:
        """Forget a request that was answered."""
        ...


class TelegramDoor(TelegramMessages, Protocol):
    """Letting people in and turning them away. Raises TelegramUnavailableError or TelegramRefusedError."""

    async def approve(self, bot: BotId, group: GroupId, user: UserId) -> None: ...
    async def decline(self, bot: BotId, group: GroupId, user: UserId) -> None: ...


class GuardQueries(Protocol):
    """Answers to queries about who asks. Raises TelegramUnavailableError or TelegramRefusedError."""

    async def rule(self, bot: BotId, query: str, ruling: Ruling) -> None: ...
