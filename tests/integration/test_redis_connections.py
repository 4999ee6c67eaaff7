"""Connections to Redis that break under the loop that instances run on, which has words of its own for it."""

import asyncio

import pytest
import uvloop
from redis.exceptions import RedisError

from bot.core.redis.connection import open_redis
from tests.faults.proxy import proxied

pytestmark = pytest.mark.servers

TURNS = 20
AT_ONCE = 10


async def broken_again_and_again(redis_url: str) -> list[object]:
    """Ask while every connection is reset and new ones are refused, again and again; return what came of it."""
    found: list[object] = []
    async with proxied(redis_url) as link, open_redis(link.url(redis_url)) as redis:
        for _ in range(TURNS):
            await asyncio.gather(*(redis.ping() for _ in range(AT_ONCE)))
            await link.refuse()
            found += await asyncio.gather(*(redis.ping() for _ in range(AT_ONCE)), return_exceptions=True)
            await link.heal()
            found.append(await redis.ping())
    return found


def test_a_reset_connection_is_an_outage_and_no_fault(redis_url: str) -> None:
    """Whoever asks hears what redis-py says of a Redis that is away, and has it back at once."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(broken_again_and_again(redis_url))

    assert {type(each).__name__ for each in found if not isinstance(each, (bool, RedisError, OSError))} == set()
    assert found.count(True) >= TURNS
