"""What the console keeps in Redis: links, sessions, attempts and how far long work is. All of it ends by itself."""

import json
from collections.abc import Mapping
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.domain.errors import NotReadyError

_AWAY = (RedisError, OSError, TimeoutError)
_PREFIX = "gmbot:console:"


class Shelf:
    """Values by name, each for a while. Every method raises NotReadyError without Redis."""

    def __init__(self, *, redis: "Redis") -> None:
        self._redis = redis

    async def put(self, name: str, value: Mapping[str, object], *, seconds: int) -> None:
        """Keep a value."""
        try:
            await self._redis.set(_PREFIX + name, json.dumps(value), ex=seconds)
        except _AWAY as error:
            raise NotReadyError(_NO_REDIS) from error

    async def get(self, name: str, *, seconds: int | None = None) -> Mapping[str, object] | None:
        """Return a value; with `seconds` it is kept for so long from now on."""
        try:
            found = await self._redis.getex(_PREFIX + name, ex=seconds) if seconds else await self._plain(name)
        except _AWAY as error:
            raise NotReadyError(_NO_REDIS) from error
        return _read(found)

    async def take(self, name: str) -> Mapping[str, object] | None:
        """Return a value and forget it: of all who ask, one gets it."""
        try:
            return _read(await self._redis.getdel(_PREFIX + name))
        except _AWAY as error:
            raise NotReadyError(_NO_REDIS) from error

    async def count(self, name: str, *, seconds: int) -> int:
        """Count once more, and return how often that was within so many seconds from the first time on."""
        try:
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.set(_PREFIX + name, 0, ex=seconds, nx=True)
                pipeline.incr(_PREFIX + name)
                return int((await pipeline.execute())[-1])
        except _AWAY as error:
            raise NotReadyError(_NO_REDIS) from error

    async def _plain(self, name: str) -> object:
        return await self._redis.get(_PREFIX + name)


_NO_REDIS = "Redis does not answer; the console needs it to know who is logged in"


def _read(found: object) -> Mapping[str, object] | None:
    return cast("Mapping[str, object]", json.loads(found)) if isinstance(found, bytes | str) else None
