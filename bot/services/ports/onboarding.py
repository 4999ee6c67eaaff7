"""What setting a group up in private asks of the outside world."""

from typing import Protocol

from bot.domain.group import ChatInfo, SetUp
from bot.domain.ids import BotId, ChannelId, UserId


class SetUps(Protocol):
    """Groups that admins set up in private. All methods raise StoreUnavailableError."""

    async def open(self, bot: BotId, user: UserId, group: ChatInfo, before: tuple[ChannelId, ...]) -> SetUp: ...
    async def get(self, bot: BotId, user: UserId, number: int) -> SetUp | None: ...
    async def latest(self, bot: BotId, user: UserId) -> SetUp | None: ...
    async def pick(self, number: int, channel: ChannelId) -> bool:
        """Note the channel; False when it is noted already: somebody else tells the admin."""
        ...
