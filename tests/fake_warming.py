"""Who was seen lately, and how far a round has come, in memory."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.warming import Bookmark, Sighting


class FakeRecent:
    """Members by group, as they were seen."""

    def __init__(self) -> None:
        self.seen: dict[tuple[BotId, GroupId, UserId], datetime] = {}

    async def count(self, bot: BotId, groups: Sequence[GroupId], *, since: datetime) -> int:
        return sum(len(self._of(bot, group, since)) for group in groups)

    async def page(
        self, bot: BotId, group: GroupId, *, since: datetime, behind: Sighting, limit: int
    ) -> Sequence[Sighting]:
        end = (behind.seen_at, behind.user_id)
        found = [(each.seen_at, each.user_id) for each in self._of(bot, group, since)]
        return [Sighting(*each) for each in sorted(found, reverse=True) if each < end][:limit]

    def _of(self, bot: BotId, group: GroupId, since: datetime) -> list[Sighting]:
        return [Sighting(at, key[2]) for key, at in self.seen.items() if key[:2] == (bot, group) and at > since]


class FakeBookmarks:
    """Keeps them until they are cleared."""

    def __init__(self) -> None:
        self.kept: dict[tuple[BotId, int], Bookmark] = {}
        self.saved: list[Bookmark] = []

    async def load(self, bot: BotId, shelf: int) -> Bookmark | None:
        return self.kept.get((bot, shelf))

    async def save(self, bot: BotId, shelf: int, bookmark: Bookmark) -> None:
        self.saved.append(bookmark)
        self.kept[bot, shelf] = bookmark

    async def clear(self, bot: BotId, shelf: int) -> None:
        self.kept.pop((bot, shelf), None)
