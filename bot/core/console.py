"""What the console keeps in Redis: how far long work is."""

import json
from collections.abc import Mapping
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.domain.errors import NotReadyError

_JOB_SECONDS = 3600
_AWAY = (RedisError, OSError, TimeoutError)


class JobBoard:
    """Progress of long work, for an hour."""

    def __init__(self, *, redis: "Redis") -> None:
        self._redis = redis

    async def put(self, job: str, state: Mapping[str, object]) -> None:
        """Note how far a job is."""
        try:
            await self._redis.set(f"gmbot:job:{job}", json.dumps(state), ex=_JOB_SECONDS)
        except _AWAY as error:
            raise NotReadyError("Redis does not answer") from error

    async def get(self, job: str) -> Mapping[str, object] | None:
        """Return how far a job is."""
        try:
            found = await self._redis.get(f"gmbot:job:{job}")
        except _AWAY as error:
            raise NotReadyError("Redis does not answer") from error
        return None if found is None else cast("Mapping[str, object]", json.loads(found))
