"""Redis refuses, hangs, is slow, full, or comes back empty: nobody notices, and afterwards all is as before."""

from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from tests.faults.away import RECOVERY_SECONDS, Outside
from tests.kits.platform import eventually

pytestmark = [pytest.mark.servers, pytest.mark.slow]


async def refused(outside: Outside) -> None:
    """Let nobody listen."""
    await outside.redis.refuse()


async def hung(outside: Outside) -> None:
    """Keep every connection, and answer nothing."""
    outside.redis.cut()


async def slow(outside: Outside) -> None:
    """Take 300 ms more for every answer."""
    outside.redis.latency = 0.3


async def full(outside: Outside) -> None:
    """Refuse writes for want of memory."""
    async with Redis.from_url(outside.platform.redis_url) as redis:
        await redis.config_set("maxmemory-policy", "noeviction")
        await redis.config_set("maxmemory", 1)


async def emptied(outside: Outside) -> None:
    """Restart, and forget data and scripts."""
    async with Redis.from_url(outside.platform.redis_url) as redis:
        await redis.flushall()
        await redis.script_flush()
    outside.redis.reset()


async def heal(outside: Outside) -> None:
    """End whatever it was."""
    async with Redis.from_url(outside.platform.redis_url) as redis:
        await redis.config_set("maxmemory", 0)
    await outside.redis.heal()


@pytest.mark.parametrize("fault", [refused, hung, slow, full, emptied], ids=lambda fault: fault.__name__)
async def test_nobody_notices_that_redis_is(outside: Outside, fault: Callable[[Outside], Awaitable[None]]) -> None:
    """Members write, strangers are muted, who joins is freed, all during the outage; and after it all goes on."""
    lounge = outside.lounge
    try:
        await fault(outside)
        await outside.assert_known_members_speak()
        lounge.sim.say(outside.newcomer, lounge.group, "I am in the channel")
        lounge.sim.join(outside.muted, lounge.news)
        await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
        if fault in {refused, hung}:
            await outside.until_status("degraded")
    finally:
        await heal(outside)
    await outside.live_on()

    outside.assert_only_strangers_were_muted()
