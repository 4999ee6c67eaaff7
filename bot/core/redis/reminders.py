"""Reminders that stand while PostgreSQL is away: in Redis, and in the memory of whoever said them."""

from collections import defaultdict
from collections.abc import Sequence
from typing import cast

from redis.asyncio import Redis

from bot.core.redis.connection import answered
from bot.domain.errors import NotReadyError
from bot.domain.ids import BotId, GroupId, MessageId
from bot.domain.message import Posted
from bot.domain.reminder import Reminder

_ANSWER_SECONDS = 0.5
# Equal scores put the members in the order of their bytes: one range holds those of a group.
_STANDING = "gmbot:reminders"
# Telegram lets nobody delete a message that is older.
_KEEP_SECONDS = 48 * 3600


class RedisReminders:
    """Whose turn it is in a group, and what has to go again. What one member sees is in this process's memory only."""

    def __init__(self, *, redis: "Redis") -> None:
        self._redis = redis
        self._own: defaultdict[tuple[BotId, GroupId], set[Reminder]] = defaultdict(set)

    async def take_turn(self, bot: BotId, group: GroupId, *, seconds: float) -> bool:
        """Take a group's turn for so long; of all instances one gets it. Raises NotReadyError without Redis."""
        async with answered(within=_ANSWER_SECONDS):
            return bool(await self._redis.set(_turn(bot, group), 1, nx=True, px=round(seconds * 1000)))

    async def stands(self, reminder: Reminder) -> None:
        """Note a reminder that was said. Raises NotReadyError when only this process knows of it."""
        self._own[reminder.bot_id, reminder.group_id].add(reminder)
        if reminder.user_id is not None:
            return
        async with answered(within=_ANSWER_SECONDS):
            await self._redis.zadd(_STANDING, {_member(reminder): 0})
            await self._redis.expire(_STANDING, _KEEP_SECONDS)

    async def standing(self, bot: BotId, group: GroupId) -> Sequence[Reminder]:
        """Return what stands in a group, whoever said it. Raises NotReadyError without Redis."""
        place = f"{bot}:{group}:"
        async with answered(within=_ANSWER_SECONDS):
            found = await self._redis.zrangebylex(_STANDING, f"[{place}", f"({place}~")
        return [*self._own[bot, group].union(map(_read, cast("list[bytes]", found)))]

    async def left(self) -> Sequence[Reminder]:
        """Return what is to go once the outage is over: this process's own, and what nobody else's turn is about."""
        own = set().union(*self._own.values())
        try:
            async with answered(within=_ANSWER_SECONDS):
                found = cast("list[bytes]", await self._redis.zrange(_STANDING, 0, -1))
                others = [reminder for reminder in map(_read, found) if reminder not in own]
                async with self._redis.pipeline(transaction=False) as pipeline:
                    for reminder in others:
                        pipeline.exists(_turn(reminder.bot_id, reminder.group_id))
                    turns = await pipeline.execute()
        except NotReadyError:
            # Its own are in memory; those of others wait until Redis is back.
            return [*own]
        # For another instance PostgreSQL may still be away.
        return [*own, *(reminder for reminder, is_new in zip(others, turns, strict=True) if not is_new)]

    async def gone(self, reminder: Reminder) -> None:
        """Let go of a reminder. Should Redis not hear of it, it is deleted once more, which is no harm."""
        place = (reminder.bot_id, reminder.group_id)
        self._own[place].discard(reminder)
        if not self._own[place]:
            del self._own[place]
        try:
            async with answered(within=_ANSWER_SECONDS):
                await self._redis.zrem(_STANDING, _member(reminder))
        except NotReadyError:
            return


def _turn(bot: BotId, group: GroupId) -> str:
    return f"gmbot:reminder:{bot}:{group}"


def _member(reminder: Reminder) -> str:
    return f"{reminder.bot_id}:{reminder.group_id}:{reminder.posted.message_id}"


def _read(member: bytes) -> Reminder:
    bot, group, message = map(int, member.split(b":"))
    return Reminder(BotId(bot), GroupId(group), Posted(MessageId(message)))
