"""Updates that wait for PostgreSQL in a bounded Redis stream, and in the memory of whoever put them there."""

from collections import defaultdict
from collections.abc import Awaitable, Collection, Mapping, Sequence
from typing import cast

from redis.asyncio import Redis

from bot.core.redis.connection import answered
from bot.core.redis.scripts import load_script
from bot.domain.errors import NotReadyError
from bot.domain.ids import BotId, UpdateId
from bot.domain.intent import KeptUpdate

_ANSWER_SECONDS = 0.5
# Longer than any outage; what is done is let go of at once.
_KEEP_MS = 7 * 24 * 3600 * 1000


class RedisBacklog:
    """A stream for each bot. What is kept survives this process, and, as long as it lives, the loss of Redis."""

    def __init__(self, *, redis: "Redis", name: str, most: int) -> None:
        self._redis = redis
        # The braces keep the keys together in a cluster: a script touches three of them.
        self._prefix = f"gmbot:kept:{{{name}}}"
        self._most = most
        self._keep = load_script(redis, "keep")
        self._unkeep = load_script(redis, "unkeep")
        # Where in its stream an update was found, as of the last look.
        self._ids: dict[str, bytes] = {}
        self._own: defaultdict[BotId, dict[str, KeptUpdate]] = defaultdict(dict)

    @property
    def own(self) -> int:
        """How many updates this process has put here."""
        return sum(len(updates) for updates in self._own.values())

    async def keep(self, update: KeptUpdate) -> bool:
        """Keep an update, or another one of its key; False when there is no room.

        Raises NotReadyError without Redis.
        """
        args: list[str | int | bytes] = [update.key, update.bot_id, update.update_id, update.body, self._most, _KEEP_MS]
        async with answered(within=_ANSWER_SECONDS):
            kept = bool(await self._keep(keys=self._keys(update.bot_id), args=args))
        if kept:
            self._own[update.bot_id].setdefault(update.key, update)
        return kept

    async def bots(self) -> Collection[BotId]:
        """Return the bots for which anything waits, as far as anybody can say."""
        found = {bot for bot, updates in self._own.items() if updates}
        try:
            async with answered(within=_ANSWER_SECONDS):
                members = await cast("Awaitable[set[bytes]]", self._redis.smembers(f"{self._prefix}:bots"))
        except NotReadyError:
            return found
        return found | {BotId(int(member)) for member in members}

    async def empty(self, bot: BotId) -> bool:
        """Whether nothing waits for the bot, as far as anybody can say."""
        if self._own[bot]:
            return False
        try:
            async with answered(within=_ANSWER_SECONDS):
                return await self._redis.xlen(self._keys(bot)[0]) == 0
        except NotReadyError:
            return True

    async def first(self, bot: BotId, limit: int) -> Sequence[KeptUpdate]:
        """Return what waits for the bot, in the order in which Telegram made it."""
        found = dict(self._own[bot])
        try:
            async with answered(within=_ANSWER_SECONDS):
                rows = await self._redis.xrange(self._keys(bot)[0], count=limit)
        except NotReadyError:
            # Its own are in memory; those of others wait until Redis is back.
            rows = []
        else:
            self._ids.clear()
        for number, fields in cast("list[tuple[bytes, Mapping[bytes, bytes]]]", rows):
            update = _update(fields)
            found.setdefault(update.key, update)
            self._ids[update.key] = number
        return sorted(found.values(), key=lambda update: update.update_id)[:limit]

    async def done(self, update: KeptUpdate) -> None:
        """Let go of an update. Should Redis not hear of it, the mark that it is done keeps it from being done twice."""
        self._own[update.bot_id].pop(update.key, None)
        try:
            async with answered(within=_ANSWER_SECONDS):
                known = [self._ids.pop(update.key)] if update.key in self._ids else []
                await self._unkeep(keys=self._keys(update.bot_id), args=[update.key, update.bot_id, *known])
        except NotReadyError:
            return

    def _keys(self, bot: BotId) -> list[str]:
        return [f"{self._prefix}:{bot}", f"{self._prefix}:{bot}:ids", f"{self._prefix}:bots"]


def _update(fields: Mapping[bytes, bytes]) -> KeptUpdate:
    return KeptUpdate(
        fields[b"key"].decode(), BotId(int(fields[b"bot"])), UpdateId(int(fields[b"update"])), fields[b"body"]
    )
