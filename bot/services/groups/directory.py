"""The protected groups, in memory: what the gate and every use case look at."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from bot.domain.group import ProtectedGroup
from bot.domain.ids import BotId, ChannelId, GroupId, UserId
from bot.services.groups.following import Follower
from bot.services.ports.groups import GroupStore


class Directory(Follower):
    """Follows the configuration. A published change is read at once; a lost message heals by the next poll."""

    def __init__(self, *, store: GroupStore) -> None:
        super().__init__()
        self._store = store
        self._groups: dict[BotId, dict[GroupId, ProtectedGroup]] = defaultdict(dict)
        self._linked: dict[tuple[BotId, ChannelId], set[GroupId]] = defaultdict(set)
        self._set_up: dict[tuple[BotId, UserId], set[GroupId]] = defaultdict(set)
        self._seq = -1
        self._reading = asyncio.Lock()

    def group(self, bot: BotId, group: GroupId) -> ProtectedGroup | None:
        """Return a group that was protected at some time; ask `gating` whether it is now."""
        return self._groups[bot].get(group)

    def guarded_by(self, bot: BotId, channel: ChannelId) -> Sequence[ProtectedGroup]:
        """Return the protected groups that require the channel."""
        linked = [self._groups[bot][group] for group in sorted(self._linked.get((bot, channel), ()))]
        return [group for group in linked if group.protected]

    def gating(self, bot: BotId) -> Sequence[ProtectedGroup]:
        """Return the bot's groups in which people are checked at the moment, in the order of their ids."""
        groups = self._groups[bot]
        return [groups[group] for group in sorted(groups) if groups[group].gating]

    def follows(self, bot: BotId, channel: ChannelId) -> bool:
        """Whether memberships of the channel may be remembered: a group requires it, or did before `/unprotect`."""
        return bool(self._linked.get((bot, channel)))

    def count(self) -> int:
        """Count the groups that are protected now."""
        return sum(group.protected for groups in self._groups.values() for group in groups.values())

    def set_up_by(self, bot: BotId, user: UserId) -> Sequence[ProtectedGroup]:
        """Return the protected groups that somebody has set up, by title; whether they still may is not known here."""
        known = (self._groups[bot][group] for group in self._set_up.get((bot, user), ()))
        return sorted((group for group in known if group.protected), key=lambda group: (group.title, group.group_id))

    def count_paused(self, reason: str) -> int:
        """Count the protected groups that are paused for a reason."""
        return sum(
            group.protected and group.paused_reason == reason
            for groups in self._groups.values()
            for group in groups.values()
        )

    def chats(self) -> Sequence[tuple[BotId, int]]:
        """Return the protected groups and the channels they require."""
        groups = [group for groups in self._groups.values() for group in groups.values() if group.protected]
        chats = {(group.bot_id, chat) for group in groups for chat in (group.group_id, *group.channel_ids)}
        return sorted(chats)

    def forget(self, bot: BotId) -> None:
        """Forget the groups of a bot that was removed: the rows that told of them are gone, and tell no more."""
        for group in self._groups.pop(bot, {}).values():
            self._set_up.pop((bot, group.configured_by), None)
            for channel in group.channel_ids:
                self._linked.pop((bot, channel), None)

    async def refresh(self) -> None:
        """Read what changed since the last time. Raises StoreUnavailableError."""
        async with self._reading:
            self._seq, changed = await self._store.changed_since(self._seq)
            for group in changed:
                self._put(group)

    async def reach(self, seq: int) -> None:
        """Have read the configuration up to this change. Raises StoreUnavailableError."""
        if self._seq < seq:
            await self.refresh()

    def _put(self, group: ProtectedGroup) -> None:
        for known in (group.group_id, *group.former_ids):
            before = self._groups[group.bot_id].pop(known, None)
            if before is None:
                continue
            self._set_up[group.bot_id, before.configured_by].discard(known)
            for channel in before.channel_ids:
                self._linked[group.bot_id, channel].discard(known)
        self._groups[group.bot_id][group.group_id] = group
        self._set_up[group.bot_id, group.configured_by].add(group.group_id)
        for channel in group.channel_ids:
            self._linked[group.bot_id, channel].add(group.group_id)
