"""Redis or Valkey: one client with bounds on every wait."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from bot.domain.errors import NotReadyError

# An update waits 300 ms for its verification in all; an instance without Redis asks Telegram instead.
_TIMEOUT_SECONDS = 1.0
_CONNECTIONS = 50

CONFIG_CHANNEL = "gmbot:config"
"""Says that the configuration changed. A lost message heals: instances poll a counter, too."""


@asynccontextmanager
async def open_redis(url: str) -> AsyncIterator[Redis]:
    """Make a client. It connects when first used: an instance starts, and works, without Redis."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=_CONNECTIONS,
        timeout=_TIMEOUT_SECONDS,
        socket_timeout=_TIMEOUT_SECONDS,
        socket_connect_timeout=_TIMEOUT_SECONDS,
        # After an outage every pooled connection is dead: one attempt finds that out, the next one connects anew.
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    )
    client = Redis(connection_pool=pool)
    try:
        yield client
    finally:
        await client.aclose()
        await pool.disconnect()


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
