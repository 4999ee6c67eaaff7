"""Who was banned when last asked about: for the words alone, as a ban is an absence to the gate."""

from collections.abc import Sequence

from bot.domain.ids import BotId, ChannelId, UserId
from bot.domain.recent import Recent

# Each was asked about by this process; who is forgotten is told to join, as if they had never been banned.
_LIMIT = 10_000


class Bans:
    """Remembers the bans that Telegram told of, as long as it tells of nothing else."""

    def __init__(self) -> None:
        self._known: Recent[tuple[BotId, ChannelId, UserId], None] = Recent(_LIMIT)

    def note(self, bot: BotId, channel: ChannelId, user: UserId, *, banned: bool) -> None:
        """Take over what Telegram said."""
        if banned:
            self._known[bot, channel, user] = None
        else:
            self._known.pop((bot, channel, user), None)

    def banned(self, bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> tuple[ChannelId, ...]:
        """Return those of these channels that the user is banned in, in their order."""
        return tuple(channel for channel in channels if (bot, channel, user) in self._known)
