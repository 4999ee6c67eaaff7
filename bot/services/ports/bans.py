"""What may be said of an absence besides that it is one."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.ids import BotId, ChannelId, UserId


class Bans(Protocol):
    """Who is banned in a channel, as far as was heard when they were last asked about."""

    def banned(self, bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> tuple[ChannelId, ...]:
        """Return those of these channels that the user is banned in, in their order."""
        ...
