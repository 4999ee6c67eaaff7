"""Who was banned when last asked about: for the words alone, as a ban is an absence to the gate."""

from collections.abc import Sequence

from bot.domain.ids import BotId, ChannelId, UserId

# Each was asked about by this process; who is forgotten is told to join, as if they had never been banned.
_LIMIT = 10_000


class Bans:
    """Remembers the bans that Telegram told of, as long as it tells of nothing else."""

    def __init__(self) -> None:
        self._known: dict[tuple[BotId, ChannelId, UserId], None] = {}

    def note(self, bot: BotId, channel: ChannelId, user: UserId, *, banned: bool) -> None:
        """Take over what Telegram said."""
        self._known.pop((bot, channel, user), None)
        if banned:
            self._known[bot, channel, user] = None
            if len(self._known) > _LIMIT:
                del self._known[next(iter(self._known))]

    def banned(self, bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> tuple[ChannelId, ...]:
        """Return those of these channels that the user is banned in, in their order."""
        return tuple(channel for channel in channels if (bot, channel, user) in self._known)
