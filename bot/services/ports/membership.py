"""What knowing memberships asks of the outside world: Telegram, what is remembered, and who was seen."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from bot.domain.ids import BotId, ChannelId, GroupId, UserId
from bot.domain.membership import Membership, Stamp
from bot.domain.policy import Presence
from bot.domain.warming import Bookmark, Sighting


class ActivityStore(Protocol):
    """Who has been seen where, and how many messages needed no question. All methods raise StoreUnavailableError."""

    async def presence(self, bot: BotId, group: GroupId, user: UserId) -> Presence: ...
    async def seen(self, sightings: Sequence[tuple[BotId, GroupId, UserId, datetime]]) -> None: ...
    async def unasked(self, counts: Sequence[tuple[BotId, GroupId, int]]) -> None: ...


class MembershipCache(Protocol):
    """Membership answers, in process and shared. Holds MEMBER and ABSENT, never UNKNOWN."""

    def recall(self, bot: BotId, user: UserId, channel: ChannelId) -> Membership | None:
        """Look in this process only."""
        ...

    def is_due(self, bot: BotId, user: UserId, channel: ChannelId) -> bool:
        """Whether a membership is known in this process and near its end."""
        ...

    def take_due(self, limit: int) -> Sequence[tuple[BotId, ChannelId, UserId]]:
        """Hand out memberships that were recalled near their end, each once."""
        ...

    async def read(self, bot: BotId, user: UserId, channels: Sequence[ChannelId]) -> Mapping[ChannelId, Membership]:
        """Look in the shared store, in one round trip; what is not there is not in the answer either."""
        ...

    async def begin(self, bot: BotId, user: UserId, channel: ChannelId) -> int:
        """Start a question. Its answer is stored unless an event or a later question is answered first."""
        ...

    async def store(
        self, bot: BotId, user: UserId, channel: ChannelId, answer: Membership, generation: int
    ) -> Membership | None:
        """Store an answer unless something newer happened; return what holds now, None when nothing does."""
        ...

    async def record(self, bot: BotId, user: UserId, channel: ChannelId, answer: Membership, stamp: Stamp) -> bool:
        """Store what an event says, on every instance; False when a newer event was there first."""
        ...


class TelegramBulkMembers(Protocol):
    """The one question that decides everything, where nobody waits for the answer."""

    async def ask_membership(self, bot: BotId, channel: ChannelId, user: UserId) -> Membership:
        """Ask Telegram, never a cache. UNKNOWN where it refuses.

        Raises TelegramUnavailableError where it does not answer, or not yet.
        """
        ...


class TelegramMembers(TelegramBulkMembers, Protocol):
    """The same question, also for who has to go on without an answer."""

    async def membership(self, bot: BotId, channel: ChannelId, user: UserId) -> Membership:
        """Ask Telegram, never a cache. UNKNOWN for anything but a plain answer; raises nothing of Telegram's."""
        ...


class RecentMembers(Protocol):
    """Who was seen lately. All methods raise StoreUnavailableError."""

    async def count(self, bot: BotId, groups: Sequence[GroupId], *, since: datetime, beginning: Bookmark | None) -> int:
        """Count the members seen in these groups since then, in the bookmark's group those behind its sighting."""
        ...

    async def page(
        self, bot: BotId, group: GroupId, *, since: datetime, behind: Sighting | None, limit: int
    ) -> Sequence[Sighting]:
        """Return members seen since then, those behind a sighting, the latest first."""
        ...


class WarmingBookmarks(Protocol):
    """Where rounds of warming were interrupted, on a shelf for each group and one, 0, for all. Raises nothing."""

    async def load(self, bot: BotId, shelf: int) -> Bookmark | None:
        """Return where the last round stopped, None when it came to its end."""
        ...

    async def save(self, bot: BotId, shelf: int, bookmark: Bookmark) -> None:
        """Remember for a while where a round is."""
        ...

    async def clear(self, bot: BotId, shelf: int) -> None:
        """Forget: the round has come to its end."""
        ...


class ChannelRequestStore(Protocol):
    """Requests to join channels that may still be open. Raises StoreUnavailableError."""

    async def asked(self, bot: BotId, user: UserId, minutes: int) -> Collection[ChannelId]:
        """Return the channels that somebody has asked to join in the last minutes."""
        ...
