"""Who was seen lately, and how far a round has come, in memory."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.ids import BotId, GroupId, UserId
from bot.domain.warming import Bookmark, Sighting


class FakeRecent:
    """Members by group, as they were seen."""

    def __init__(self) -> None:
        self.seen: dict[tuple[BotId, GroupId, UserId], datetime] = {}

    async def count(self, bot: BotId, groups: Sequence[GroupId], *, since: datetime, beginning: Bookmark | None) -> int:
        counts = 0
        for group in groups:
            behind = beginning.behind if beginning is not None and beginning.group_id == group else None
            counts += len(self._of(bot, group, since, behind))
        return counts

    async def page(
        self, bot: BotId, group: GroupId, *, since: datetime, behind: Sighting | None, limit: int
    ) -> Sequence[Sighting]:
        return self._of(bot, group, since, behind)[:limit]

    def _of(self, bot: BotId, group: GroupId, since: datetime, behind: Sighting | None) -> list[Sighting]:
        found = [(at, key[2]) for key, at in self.seen.items() if key[:2] == (bot, group) and at > since]
        end = None if behind is None else (behind.seen_at, behind.user_id)
        return [Sighting(*each) for each in sorted(found, reverse=True) if end is None or each < end]


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
