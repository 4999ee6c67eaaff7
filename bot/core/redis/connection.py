"""Redis or Valkey: one client with bounds on every wait."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from types import MappingProxyType
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from bot.core.redis.sentinel import is_watched, read_service, sentinel_of, service_pool
from bot.core.redis.wire import WIRES
from bot.domain.errors import NotReadyError

# An update waits 300 ms for its verification in all; an instance without Redis asks Telegram instead.
_TIMEOUT_SECONDS = 1.0
_OPTIONS: Mapping[str, Any] = MappingProxyType(
    {
        "max_connections": 50,
        "timeout": _TIMEOUT_SECONDS,
        "socket_timeout": _TIMEOUT_SECONDS,
        "socket_connect_timeout": _TIMEOUT_SECONDS,
        # After an outage every pooled connection is dead: one attempt finds that out, the next one connects anew.
        "retry": Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    }
)

CONFIG_CHANNEL = "gmbot:config"
"""Says that the configuration changed. A lost message heals: instances poll a counter, too."""


@asynccontextmanager
async def open_redis(url: str) -> AsyncIterator[Redis]:
    """Make a client. It connects when first used: an instance starts, and works, without Redis.

    Raises SettingsError for a URL with sentinels that cannot be read.
    """
    async with AsyncExitStack() as stack:
        if is_watched(url):
            service = read_service(url)
            sentinel = sentinel_of(service)
            stack.push_async_callback(sentinel.aclose)
            pool: BlockingConnectionPool = service_pool(service, sentinel, **_OPTIONS)
        else:
            pool = BlockingConnectionPool.from_url(url, **_OPTIONS)
        pool.connection_class = WIRES[pool.connection_class]
        client = Redis(connection_pool=pool)
        stack.push_async_callback(pool.disconnect)
        stack.push_async_callback(client.aclose)
        yield client


@asynccontextmanager
async def answered(*, within: float) -> AsyncIterator[None]:
    """Bound what the block asks of Redis, in seconds. Raises NotReadyError where Redis is away or too slow."""
    try:
        async with asyncio.timeout(within):
            yield
    except (RedisError, OSError, TimeoutError) as error:
        raise NotReadyError(f"Redis: {error!r}") from error


async def check_redis(client: Redis) -> None:
    """Raise NotReadyError when Redis does not answer."""
    try:
        await client.ping()
    except (RedisError, OSError) as error:
        raise NotReadyError(str(error) or type(error).__name__) from error


async def announce_change(client: Redis) -> None:
    """Tell all instances that the configuration changed, if Redis is there to tell them."""
    with suppress(RedisError, OSError, TimeoutError):
        await client.publish(CONFIG_CHANNEL, b"changed")
