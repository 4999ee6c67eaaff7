"""The live feed: one instance reads what was committed and publishes it in a Redis stream; each serves its watchers.

Nothing is read or published while nobody watches, and for whoever decides nothing changes when somebody does.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.core.clock import SystemClock
from bot.core.postgres.database import Database
from bot.core.redis.scripts import load_script
from bot.domain.errors import NotReadyError, StoreUnavailableError
from bot.domain.feed import Line, Published, line_from_json, line_to_json
from bot.domain.ids import BotId, InstanceId

_STREAM, _LATELY, _WATCHED, _TURN = "gmbot:feed", "gmbot:feed:lately", "gmbot:feed:watched", "gmbot:feed:turn"
_LENGTH = 5_000
_PAUSE_SECONDS = 0.5
# A dead reader's turn is taken over within this time.
_TURN_MS = 1_500
# What is committed becomes visible later than it says, by as long as its transaction took.
_LOOK_BACK_SECONDS = 6.0
_REMEMBER_MS = 60_000
# Whoever comes back within this time misses nothing.
_WATCHED_MS = 10 * 60 * 1000
_MOST_LINES = 500
_BLOCK_MS = 500
_QUEUE = 500
_MOST_WATCHERS = 500
_Entries: TypeAlias = "list[tuple[bytes, dict[bytes, bytes]]]"
_AWAY = (RedisError, OSError, TimeoutError)

log = structlog.stdlib.get_logger()


class FeedTail:
    """Publishes, when it is this instance's turn. A line is published once, whoever finds it."""

    def __init__(self, *, database: Database, redis: "Redis", clock: SystemClock, instance: InstanceId) -> None:
        self._database = database
        self._clock = clock
        self._instance = str(instance)
        self._publish = load_script(redis, "feed")
        self._turn = load_script(redis, "feed_turn")

    async def run(self) -> None:
        """Look twice a second until cancelled."""
        while True:
            try:
                if await self._turn(keys=[_WATCHED, _TURN], args=[self._instance, _TURN_MS]):
                    await self._look()
            except (*_AWAY, StoreUnavailableError) as error:
                log.debug("feed.paused", error=str(error))
            await self._clock.sleep(_PAUSE_SECONDS)

    async def recent(self, bots: Sequence[BotId] | None, limit: int) -> Sequence[Line]:
        """Return the last lines, the newest first, whether or not somebody watched."""
        return await self._lines(7 * 86_400.0, bots, limit)

    async def _look(self) -> None:
        lines = await self._lines(_LOOK_BACK_SECONDS, None, _MOST_LINES)
        if not lines:
            return
        texts = [text for line in reversed(lines) for text in (line.name, json.dumps(line_to_json(line)))]
        now = round(self._clock.now().timestamp() * 1000)
        await self._publish(keys=[_STREAM, _LATELY], args=[now, _REMEMBER_MS, _LENGTH, *texts])

    async def _lines(self, seconds: float, bots: Sequence[BotId] | None, limit: int) -> Sequence[Line]:
        return [Line(**row) for row in await self._database.rows("feed", seconds, bots, limit)]


class _Watcher:
    """One browser. Who reads too slowly loses lines and is told so."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.queue: asyncio.Queue[Published] = asyncio.Queue(_QUEUE)

    def tell(self, published: Published) -> None:
        if self.queue.full():
            while not self.queue.empty():
                self.queue.get_nowait()
            published = Published(published.place, None)
        self.queue.put_nowait(published)

    async def next(self) -> Published:
        """Wait for a line that was not told yet."""
        while True:
            published = await self.queue.get()
            if published.line is None or _order(published.place) > _order(self.place):
                self.place = published.place
                return published


class Feed:
    """Reads the stream once for all watchers of this process."""

    def __init__(self, *, redis: "Redis", clock: SystemClock) -> None:
        self._redis = redis
        self._clock = clock
        self._watchers: set[_Watcher] = set()
        self._wanted = asyncio.Event()

    async def place(self) -> str:
        """Return where the stream ends now. Raises NotReadyError."""
        try:
            last = cast("_Entries", await self._redis.xrevrange(_STREAM, count=1))
            await self._redis.set(_WATCHED, 1, px=_WATCHED_MS)
        except _AWAY as error:
            raise NotReadyError("Redis does not answer: there is no live feed now") from error
        return last[0][0].decode() if last else "0-0"

    @asynccontextmanager
    async def watching(self, after: str) -> AsyncIterator[_Watcher]:
        """Tell everything behind a place, then what happens, for as long as the block lasts. Raises NotReadyError."""
        if len(self._watchers) >= _MOST_WATCHERS:
            raise NotReadyError("too many people watch this instance")
        watcher = _Watcher(after)
        self._watchers.add(watcher)
        try:
            await self._catch_up(watcher)
            self._wanted.set()
            yield watcher
        finally:
            self._watchers.discard(watcher)
            if not self._watchers:
                self._wanted.clear()

    async def run(self) -> None:
        """Read for as long as somebody watches, until cancelled."""
        while True:
            await self._wanted.wait()
            try:
                seconds, _ = await self._redis.time()
                # A watcher may have caught up a moment ago; what it was told then it is not told again.
                await self._read(f"{(seconds - 10) * 1000}-0")
            except _AWAY as error:
                log.debug("feed.away", error=str(error))
                await self._clock.sleep(_PAUSE_SECONDS)

    async def _read(self, place: str) -> None:
        while self._watchers:
            await self._redis.set(_WATCHED, 1, px=_WATCHED_MS)
            for number, fields in _of_stream(await self._redis.xread({_STREAM: place}, _MOST_LINES, _BLOCK_MS)):
                place = number.decode()
                published = _published(place, fields)
                if published is not None:
                    for watcher in tuple(self._watchers):
                        watcher.tell(published)

    async def _catch_up(self, watcher: _Watcher) -> None:
        after = watcher.place
        try:
            watched = await self._redis.set(_WATCHED, 1, px=_WATCHED_MS, get=True)
            first = cast("_Entries", await self._redis.xrange(_STREAM, count=1))
            entries = cast("_Entries", await self._redis.xrange(_STREAM, min=f"({after}", count=_QUEUE))
        except _AWAY as error:
            raise NotReadyError("Redis does not answer: there is no live feed now") from error
        cut_off = bool(first) and after != "0-0" and _order(first[0][0].decode()) > _order(after)
        if after != "0-0" and (not watched or not first or cut_off or len(entries) == _QUEUE):
            place = entries[-1][0].decode() if entries else after
            watcher.queue.put_nowait(Published(place, None))
            return
        for number, fields in entries:
            published = _published(number.decode(), fields)
            if published is not None:
                watcher.queue.put_nowait(published)


def _of_stream(answer: object) -> "_Entries":
    """Return the entries of the one stream that was asked for, whichever protocol the client speaks."""
    if isinstance(answer, dict):
        # The newer protocol names the streams, and wraps their entries once more.
        return [entry for parts in answer.values() for entries in parts for entry in entries]
    return [entry for _, entries in cast("list[tuple[bytes, _Entries]]", answer) for entry in entries]


def _published(place: str, fields: dict[bytes, bytes]) -> Published | None:
    try:
        return Published(place, line_from_json(json.loads(fields[b"line"])))
    except (KeyError, TypeError, ValueError):
        # A newer release tells what this one does not know.
        return None


def _order(place: str) -> tuple[int, int]:
    milliseconds, _, number = place.partition("-")
    return int(milliseconds), int(number or 0)
