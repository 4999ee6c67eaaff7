"""Deployments of any size, made from nothing: bots, groups, channels, and memberships that an instance remembers."""

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import asyncpg
from redis.asyncio import Redis

from bot.core.clock import SystemClock
from bot.domain.ids import BotId
from bot.domain.secret import Secret
from bot.simulator import Bot, Fault
from bot.utils.benchmarks.load import request
from bot.utils.benchmarks.metrics import remembered
from bot.utils.benchmarks.processes import BenchmarkError, Server
from bot.utils.benchmarks.stage import Stage

_CHANNELS = 10
_FIRST_GROUP = -1_002_000_000_000
_FIRST_CHANNEL = -1_001_000_000_000
_FIRST_USER = 5_000_000_000
_REMEMBERED_SECONDS = 3600
_PATIENCE_SECONDS = 10.0
# Redis drops a subscriber that lies some megabytes behind; these are less than one.
_MESSAGES_AT_ONCE = 5_000
# What a member might write; with names and all it makes a body of the usual size.
_TEXT = "Hello everybody, has anyone of you tried the new release yet? It works fine for me on two machines."


@dataclass(frozen=True, slots=True)
class Member:
    """A verified member of a channel, in one of the groups that require it."""

    bot: BotId
    group: int
    channel: int
    user: int


class Population:
    """So many groups and memberships, spread evenly over the bots."""

    def __init__(self, bots: list[Bot], *, groups: int, memberships: int) -> None:
        self.bots = bots
        self._groups = max(1, groups // len(bots))
        self._channels = min(_CHANNELS, self._groups)
        self._users = max(1, memberships // (len(bots) * self._channels))

    async def settle(self, stage: Stage, database_url: str) -> None:
        """Write bots, groups and channels into an empty database."""
        # Telegram knows nothing of them, and must not say so: the groups would be paused.
        for bot in self.bots:
            for method in ("getChat", "getChatMember", "getChatAdministrators"):
                fault = Fault(kind="error", bot=bot.id, method=method, times=None, code=502, description="Bad Gateway")
                stage.simulator.faults.add(fault)
        await host(stage, database_url, self.bots)
        connection = await asyncpg.connect(database_url)
        try:
            async with connection.transaction():
                await _copy(connection, "channels", self._channel_rows())
                await _copy(connection, "protected_groups", self._group_rows())
                await _copy(connection, "group_channel_links", self._link_rows())
                await connection.execute("UPDATE config_counter SET seq = $1", self._groups * len(self.bots))
            await connection.execute("VACUUM ANALYZE")
        finally:
            await connection.close()

    async def remember(self, stage: Stage, server: Server) -> None:
        """Let the instances that listen remember all memberships, as fast as this one, a new one, hears them.

        Raises BenchmarkError if it misses some.
        """
        published, redis = 0, Redis.from_url(stage.redis_url)
        try:
            pipe = redis.pipeline(transaction=False)
            for published, member in enumerate(self._memberships(), 1):
                event = f"{member.bot}:{member.channel}:{member.user}:member:{_REMEMBERED_SECONDS}"
                pipe.publish("gmbot:membership", event)
                if len(pipe) == _MESSAGES_AT_ONCE:
                    await pipe.execute()
                    await _heard(server, published)
            await pipe.execute()
        finally:
            await redis.aclose()
        await _heard(server, published)

    def requests(self, stage: Stage, count: int) -> list[bytes]:
        """Return messages of members chosen at random, as Telegram posts them."""
        dice = random.Random(7)  # noqa: S311 - the same choice in each run
        secrets = {bot.id: stage.secret(BotId(bot.id)) for bot in self.bots}
        return [
            request(f"/telegram/{member.bot}", message(member, number), secret=secrets[member.bot])
            for number, member in enumerate(self._anybody(dice) for _ in range(count))
        ]

    def some_group(self, dice: random.Random) -> int:
        """Return the id of a group of the first bot."""
        return self._group(self.bots[0], dice.randrange(self._groups))

    def _anybody(self, dice: random.Random) -> Member:
        bot = dice.choice(self.bots)
        place = dice.randrange(self._groups)
        channel = place % self._channels
        user = _FIRST_USER + channel * self._users + dice.randrange(self._users)
        return Member(BotId(bot.id), self._group(bot, place), _FIRST_CHANNEL - channel, user)

    def _memberships(self) -> Iterator[Member]:
        for bot in self.bots:
            for channel in range(self._channels):
                for user in range(self._users):
                    yield Member(BotId(bot.id), 0, _FIRST_CHANNEL - channel, _FIRST_USER + channel * self._users + user)

    def _group(self, bot: Bot, place: int) -> int:
        return _FIRST_GROUP - self.bots.index(bot) * self._groups - place

    def _channel_rows(self) -> Iterator[dict[str, object]]:
        for bot in self.bots:
            for channel in range(self._channels):
                yield {"bot_id": bot.id, "channel_id": _FIRST_CHANNEL - channel, "title": f"Channel {channel}"}

    def _group_rows(self) -> Iterator[dict[str, object]]:
        changes = itertools.count(1)
        for bot in self.bots:
            for place in range(self._groups):
                yield {
                    "bot_id": bot.id,
                    "group_id": self._group(bot, place),
                    "title": f"Group {place}",
                    "configured_by": 1,
                    "seq": next(changes),
                }

    def _link_rows(self) -> Iterator[dict[str, object]]:
        for bot in self.bots:
            for place in range(self._groups):
                channel = _FIRST_CHANNEL - place % self._channels
                yield {
                    "bot_id": bot.id,
                    "group_id": self._group(bot, place),
                    "channel_id": channel,
                    "position": 0,
                }


async def host(stage: Stage, database_url: str, bots: Sequence[Bot]) -> None:
    """Have the instances that start on an empty database from now on serve these bots."""
    connection = await asyncpg.connect(database_url)
    try:
        await _copy(connection, "bots", _bot_rows(stage, bots))
    finally:
        await connection.close()


def _bot_rows(stage: Stage, bots: Sequence[Bot]) -> Iterator[dict[str, object]]:
    for bot in bots:
        sealed = stage.vault.seal(Secret(bot.token))
        yield {"bot_id": bot.id, "username": bot.username, "token_encrypted": sealed}


def message(member: Member, number: int) -> bytes:
    """Write the update of an ordinary message."""
    sender = {
        "id": member.user,
        "is_bot": False,
        "first_name": "Maria",
        "last_name": "Schmidt",
        "username": f"maria_{member.user}",
        "language_code": "de",
        "is_premium": True,
    }
    chat = {"id": member.group, "title": "A group of people", "username": "a_group_of_people", "type": "supergroup"}
    entities = [{"offset": 0, "length": 5, "type": "bold"}, {"offset": 6, "length": 9, "type": "italic"}]
    written = {
        "message_id": 4_711 + number,
        "from": sender,
        "chat": chat,
        "date": 1_790_000_000,
        "text": _TEXT,
        "entities": entities,
    }
    return json.dumps({"update_id": 100_000_000 + number, "message": written}, separators=(",", ":")).encode()


async def _heard(server: Server, published: int) -> None:
    clock = SystemClock()
    deadline = clock.monotonic() + _PATIENCE_SECONDS
    while (known := await remembered(server.port)) < published:
        if clock.monotonic() > deadline:
            raise BenchmarkError(f"{server.name} remembers {known:,} of {published:,} memberships")
        await clock.sleep(0.005)


async def _copy(
    connection: "asyncpg.Connection[asyncpg.Record]", table: str, rows: Iterator[dict[str, object]]
) -> None:
    everything = list(rows)
    columns = list(everything[0])
    await connection.copy_records_to_table(table, columns=columns, records=[tuple(row.values()) for row in everything])
