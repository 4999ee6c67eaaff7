"""PostgreSQL refuses, hangs, is slow, full, or restarts: members go on, effects wait, and each is done once."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from tests.faults.away import RECOVERY_SECONDS, Outside, outside_of
from tests.kits.platform import Lounge, Platform, eventually, get

pytestmark = [pytest.mark.servers, pytest.mark.slow]


async def refused(outside: Outside) -> None:
    """Let nobody listen."""
    await outside.postgres.refuse()


async def hung(outside: Outside) -> None:
    """Keep every connection, and answer nothing."""
    outside.postgres.cut()


async def both(outside: Outside) -> None:
    """Be away together with Redis."""
    await outside.postgres.refuse()
    await outside.redis.refuse()


async def both_hung(outside: Outside) -> None:
    """Hang together with Redis."""
    outside.postgres.cut()
    outside.redis.cut()


async def heal(outside: Outside) -> None:
    """End whatever it was."""
    await outside.postgres.heal()
    await outside.redis.heal()


@pytest.mark.parametrize("fault", [refused, hung, both, both_hung], ids=lambda fault: fault.__name__)
async def test_members_go_on_and_effects_wait(outside: Outside, fault: Callable[[Outside], Awaitable[None]]) -> None:
    """Known members are answered at once; who is unknown keeps the message; who joins is free soon after the end."""
    lounge = outside.lounge
    await fault(outside)
    await outside.assert_known_members_speak()
    kept = lounge.sim.say(outside.newcomer, lounge.group, "I am in the channel")
    lounge.sim.join(outside.muted, lounge.news)
    await outside.until_status("unhealthy")
    live = await get(f"{outside.first}/livez")
    ready = await get(f"{outside.first}/readyz")
    await heal(outside)
    await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
    await outside.live_on()

    assert (live, ready) == (200, 200)
    assert kept.id in {message.id for message in lounge.sim.messages(lounge.group)}
    outside.assert_only_strangers_were_muted()


async def test_slow_answers_only_take_longer(outside: Outside) -> None:
    """Each statement takes 300 ms more: everything still happens, in time for every lease."""
    outside.postgres.latency = 0.3
    lounge = outside.lounge
    await outside.assert_known_members_speak()
    lounge.sim.join(outside.muted, lounge.news)
    await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
    lounge.sim.say(lounge.stranger, lounge.group, "may I?")
    await eventually(lambda: len(lounge.prompts(lounge.stranger)) == 1, "a prompt")
    await outside.postgres.heal()
    await outside.platform.at_rest()
    await outside.live_on()

    outside.assert_only_strangers_were_muted()


async def test_a_restart_breaks_every_connection(outside: Outside) -> None:
    """All sessions are ended in the middle of the work; the next statement finds a new one."""
    lounge = outside.lounge
    lounge.sim.join(outside.muted, lounge.news)
    await outside.platform.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
    await outside.live_on()

    outside.assert_only_strangers_were_muted()


async def test_no_connection_to_be_had(outside: Outside) -> None:
    """The sessions are ended and no new one is let in for a while: then all is made good."""
    lounge, database = outside.lounge, outside.platform.database_url
    name = database.rsplit("/", 1)[-1]
    administration = await asyncpg.connect(database.rsplit("/", 1)[0] + "/template1")
    try:
        # A database's own limit holds for everybody but superusers; to let nobody in holds for all.
        await administration.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await administration.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
        await outside.until_status("unhealthy")
        await outside.assert_known_members_speak()
        lounge.sim.join(outside.muted, lounge.news)
        await asyncio.sleep(1)
    finally:
        await administration.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        await administration.close()
    await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=RECOVERY_SECONDS)
    await outside.live_on()

    outside.assert_only_strangers_were_muted()


async def test_a_probe_is_answered_soon_while_postgresql_hangs(outside: Outside) -> None:
    """`/health` gives PostgreSQL 2 s and then says so, however long the connection takes to be given up."""
    outside.postgres.cut()
    started = time.monotonic()
    status = await outside.status()
    took = time.monotonic() - started
    await outside.postgres.heal()

    assert status == "unhealthy"
    # On a busy machine a little more; the connection is not given up before the status says "silent".
    assert took < 5


@pytest.mark.parametrize("fault", [hung, both_hung], ids=lambda fault: fault.__name__)
async def test_an_instance_can_be_stopped_while_its_stores_hang(
    lounge: Lounge, platform: Platform, fault: Callable[[Outside], Awaitable[None]]
) -> None:
    """Whoever stops it need not wait for servers that do not answer."""
    async with outside_of(lounge, platform) as outside:
        await fault(outside)
        # Long enough for every task to be in the middle of a statement.
        await asyncio.sleep(1)
        started = time.monotonic()

    assert time.monotonic() - started < 25
