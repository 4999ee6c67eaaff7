"""What the owners of channels ask of the outside world."""

from collections.abc import Sequence
from typing import Protocol

from bot.domain.consent import Answer, OwnChannel, Stopped, Terms
from bot.domain.ids import BotId, ChannelId, GroupId, UserId


class ChannelStore(Protocol):
    """Channels and the groups that require them. Every change is one transaction; raises StoreUnavailableError."""

    async def terms(self, bot: BotId, channel: ChannelId, group: GroupId) -> Terms: ...
    async def known_to(self, bot: BotId, user: UserId, limit: int) -> Sequence[tuple[ChannelId, str]]:
        """Return channels that somebody gave to the bot, or set up a group with: they may be an admin there."""
        ...

    async def card(self, bot: BotId, channel: ChannelId, limit: int) -> OwnChannel | None:
        """Return a channel with the groups that have to do with it, those that wait first."""
        ...

    async def given(self, bot: BotId, channel: ChannelId, title: str, username: str | None, by: UserId) -> None: ...
    async def set_consent(self, bot: BotId, channel: ChannelId, by: UserId, *, consent: bool) -> None: ...
    async def answer(
        self, bot: BotId, channel: ChannelId, group: GroupId, title: str, answer: Answer, by: UserId
    ) -> Stopped | None:
        """Note an answer. A veto ends the use at once; None where there was none."""
        ...
