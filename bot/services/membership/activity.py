"""Who has been seen where, noted in memory and written in batches."""

import asyncio
from collections import defaultdict
from contextlib import suppress
from itertools import islice

from bot.domain.errors import StoreUnavailableError
from bot.domain.ids import BotId, GroupId, UserId
from bot.services.ports.membership import ActivityStore
from bot.services.ports.runtime import Clock

_FLUSH_SECONDS = 2.0
# Enough for two seconds of the busiest deployment; beyond it sightings are dropped, which costs nobody a right.
_LIMIT = 50_000
# The statement that writes sightings passes over whoever it wrote within these: nobody is sent to it again before.
_AGAIN_SECONDS = 300.0
# Some ten megabytes. Beyond it everybody is written once more.
_MOST_LATELY = 100_000
# A busy deployment's counts are written in turn: a message costs no more because it may be in any of many groups.
_GROUPS_AT_ONCE = 500


class Activity:
    """Collects sightings. Losing some on a crash is harmless: they only say whom to look at first."""

    def __init__(self, *, store: ActivityStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._seen: set[tuple[BotId, GroupId, UserId]] = set()
        self._lately: set[tuple[BotId, GroupId, UserId]] = set()
        self._anew_at = 0.0
        # By bot, then by group: most messages find their count there, and no key has to be made for them.
        self._unasked: dict[BotId, dict[GroupId, int]] = defaultdict(lambda: defaultdict(int))
        self._flushing = asyncio.Lock()

    def sighted(self, bot: BotId, group: GroupId, user: UserId) -> None:
        """Note that the user wrote and passed the gate, and that nobody had to be asked."""
        self._unasked[bot][group] += 1
        self.seen(bot, group, user)

    def seen(self, bot: BotId, group: GroupId, user: UserId) -> None:
        """Note that the user is in the group and passed its gate."""
        sighting = bot, group, user
        if sighting not in self._lately and len(self._seen) < _LIMIT:
            self._seen.add(sighting)

    async def forget(self, bot: BotId, user: UserId) -> None:
        """Let go of whoever is erased next; what is being written is written before."""
        async with self._flushing:
            self._seen = {each for each in self._seen if (each[0], each[2]) != (bot, user)}
            self._lately = {each for each in self._lately if (each[0], each[2]) != (bot, user)}

    async def flush(self) -> None:
        """Write what was noted, after what is being written. Raises StoreUnavailableError; the notes are kept then."""
        async with self._flushing:
            self._forget_in_time()
            if self._seen:
                await self._flush_seen()
            await self._flush_unasked()

    async def finish(self) -> None:
        """Write all that is left before the instance stops; what cannot be written is lost."""
        with suppress(StoreUnavailableError):
            await self.flush()
            async with self._flushing:
                while any(self._unasked.values()):
                    await self._flush_unasked()

    async def _flush_seen(self) -> None:
        seen, self._seen = self._seen, set()
        now = self._clock.now()
        try:
            await self._store.seen([(bot, group, user, now) for bot, group, user in seen])
        except BaseException:
            # Whoever waits may stop waiting; what may not be written is written again.
            self._seen |= seen
            raise
        self._lately |= seen

    def _forget_in_time(self) -> None:
        now = self._clock.monotonic()
        if now >= self._anew_at or len(self._lately) > _MOST_LATELY:
            self._lately.clear()
            self._anew_at = now + _AGAIN_SECONDS

    async def _flush_unasked(self) -> None:
        """Write the counts of the groups that have waited longest; each bot has its part."""
        part = max(1, _GROUPS_AT_ONCE // (len(self._unasked) or 1))
        taken = [
            (bot, group, counts.pop(group))
            for bot, counts in self._unasked.items()
            for group in list(islice(counts, part))
        ]
        if not taken:
            return
        try:
            await self._store.unasked(taken)
        except BaseException:
            # If it was written all the same, some messages count twice.
            for bot, group, count in taken:
                self._unasked[bot][group] += count
            raise

    async def run(self) -> None:
        """Flush until cancelled."""
        while True:
            await self._clock.sleep(_FLUSH_SECONDS)
            try:
                await self.flush()
            except StoreUnavailableError:
                continue
