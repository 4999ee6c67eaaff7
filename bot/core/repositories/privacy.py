"""What PostgreSQL and Redis know about one person, wherever it is. docs/operations/data.md names each place."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import TypeAlias, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.core.postgres.database import Database, Session
from bot.core.redis.membership_cache import forgotten
from bot.core.repositories.configuration import audit, next_seq
from bot.domain.errors import NotReadyError
from bot.domain.ids import BotId, UserId
from bot.domain.operator import By

_AWAY = (RedisError, OSError, TimeoutError)
_DEPLOYMENT = BotId(0)
"""Whose entry in the audit it is when it is no bot's."""

_Rows: TypeAlias = dict[str, list[dict[str, object]]]


def new_pseudonym() -> int:
    """Make a number that is nobody's: below all of Telegram's, and exact in every language's numbers."""
    return -(2**52 + secrets.randbelow(2**52))


class PersonalRows:
    """One person's rows in all tables."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def export(self, user: UserId) -> Mapping[str, list[dict[str, object]]]:
        """Return their rows, by what they are."""
        found: _Rows = {}
        for bot in await self._bots():
            for name, rows in (
                ("seen_in_groups", await self._database.rows("export_members", bot, user)),
                ("cases", await self._database.rows("export_cases", bot, user)),
                ("events", await self._database.rows("export_events", bot, user)),
                ("exemptions", await self._database.rows("export_exemptions", bot, user)),
                ("set_ups", await self._database.rows("export_set_ups", bot, user)),
                ("join_requests", await self._database.rows("export_knocks", bot, user)),
                ("channel_requests", await self._database.rows("export_channel_requests", bot, user)),
                ("scheduled_actions", await self._database.rows("export_actions", bot, user)),
                ("owner_of", await self._database.rows("export_ownership", bot, user)),
                ("groups_set_up", await self._database.rows("export_groups", bot, user)),
                ("channels_looked_after", await self._database.rows("export_channels", bot, user)),
                ("channel_answers", await self._database.rows("export_answers", bot, user)),
                ("dead_letters", await self._database.rows("export_letters", bot, user)),
                ("audit", await self._database.rows("export_audit", bot, user)),
            ):
                found.setdefault(name, []).extend({"bot_id": bot, **row} for row in rows)
        return found

    async def forget(self, bot: BotId, user: UserId) -> None:
        """Erase what one bot knows, except for open cases and what others decided about them."""
        async with self._database.transaction() as session:
            await _forget(session, bot, user)
            await session.execute("erase_exempt_name", bot, user)

    async def free(self, user: UserId) -> None:
        """Want them free wherever a case is open."""
        for bot in await self._bots():
            await self._database.execute("free_user", bot, user)

    async def unfreed(self, user: UserId) -> int:
        """Count open cases, and bans of ours that are yet to be lifted."""
        async with self._database.session() as session:
            return await _unfreed(session, await self._bots(), user)

    async def erase(self, user: UserId, *, by: By, abandon: bool) -> bool:
        """Erase everything in one transaction; nothing as long as they are to be freed, unless that is given up."""
        bots = await self._bots()
        async with self._database.transaction() as session:
            # Changes of the configuration are serial from here on: no group is set up by them meanwhile.
            seq, pseudonym = await next_seq(session), new_pseudonym()
            if not abandon and await _unfreed(session, bots, user):
                return False
            for bot in bots:
                await _forget(session, bot, user)
                await session.execute("erase_open_cases", bot, user)
                await session.execute("erase_exemptions", bot, user)
                await session.execute("erase_exempters", bot, user)
                await session.execute("erase_knocks", bot, user)
                await session.execute("erase_actions", bot, user)
                await session.execute("erase_ownership", bot, user)
                await session.execute("erase_configurer", bot, user, seq)
                await session.execute("erase_contact", bot, user)
                await session.execute("erase_answerer", bot, user)
            await session.execute("pseudonymise_audit", user, pseudonym)
            await audit(session, _DEPLOYMENT, by, "erase_person", None, {"pseudonym": pseudonym})
        return True

    async def _bots(self) -> list[BotId]:
        return [BotId(row["bot_id"]) for row in await self._database.rows("known_bots")]


async def _unfreed(session: Session, bots: list[BotId], user: UserId) -> int:
    rows = [await session.row("count_unfreed", bot, user) for bot in bots]
    return sum(int(row["unfreed"]) for row in rows if row is not None)


async def _forget(session: Session, bot: BotId, user: UserId) -> None:
    await session.execute("erase_presence", bot, user)
    await session.execute("erase_events", bot, user)
    await session.execute("erase_cases", bot, user)
    await session.execute("erase_set_ups", bot, user)
    await session.execute("erase_channel_requests", bot, user)
    await session.execute("erase_letters", bot, user)


class PersonalKeys:
    """One person's traces in Redis: keys with their number in the name, and entries of others with it inside."""

    def __init__(self, *, redis: "Redis") -> None:
        self._redis = redis

    async def erase(self, user: UserId, bot: BotId | None = None) -> None:
        """Erase them, of one bot or of all, and have instances forget, too. Raises NotReadyError."""
        number = re.compile(rb"(?<![0-9-])%d(?![0-9])" % user)
        try:
            async for name in self._keys(b"gmbot:*"):
                if bot is not None and not re.search(rb"(?<![0-9-])%d(?![0-9])" % bot, name):
                    continue
                if number.search(name):
                    await forgotten(self._redis, name)
                    await self._redis.delete(name)
                elif not name.startswith((b"gmbot:member:", b"gmbot:budget:")):
                    # Those two hold times and answers; their names say about whom.
                    await self._erase_inside(name, number)
        except _AWAY as error:
            raise NotReadyError(f"Redis: {error!r}; the rows in PostgreSQL are erased, do it once more") from error

    async def _keys(self, pattern: bytes) -> AsyncIterator[bytes]:
        async for name in self._redis.scan_iter(match=pattern, count=1000):
            yield cast("bytes", name)

    async def _erase_inside(self, name: bytes, number: re.Pattern[bytes]) -> None:
        kind = cast("bytes", await self._redis.type(name))
        if kind == b"string":
            if number.search(cast("bytes | None", await self._redis.get(name)) or b""):
                await self._redis.delete(name)
        elif kind == b"hash":
            fields = await cast("Awaitable[dict[bytes, bytes]]", self._redis.hgetall(name))
            found = [field for field, value in fields.items() if number.search(field + b" " + value)]
            if found:
                await cast("asyncio.Future[int]", self._redis.hdel(name, *cast("list[str]", found)))
        elif kind == b"stream":
            entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", await self._redis.xrange(name))
            found = [entry for entry, fields in entries if number.search(b" ".join(fields.values()))]
            if found:
                await self._redis.xdel(name, *found)
