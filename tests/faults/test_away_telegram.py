"""Telegram refuses, is slow, answers 5xx or 429 to everything: nobody is muted for it, and what waited is done."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.simulator import Fault
from tests.faults.away import Outside, outside_of
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.slow]

# The circuit of a silent Telegram lets a probe through now and then, after an outage of seconds within seconds.
_RECOVERY_SECONDS = 40.0


async def refused(outside: Outside) -> None:
    """Let nobody listen."""
    await outside.telegram.refuse()


async def hung(outside: Outside) -> None:
    """Keep every connection, and answer nothing."""
    outside.telegram.cut()


async def slow(outside: Outside) -> None:
    """Take 3 s more for every answer: longer than a call may take."""
    outside.telegram.latency = 3.0


async def failing(outside: Outside) -> None:
    """Answer 502 to everything."""
    outside.lounge.sim.faults.add(Fault(kind="error", code=502, description="Bad Gateway", times=None))


async def flooded(outside: Outside) -> None:
    """Answer 429 to everything."""
    outside.lounge.sim.faults.add(Fault(kind="flood", retry_after=2, times=None))


async def heal(outside: Outside) -> None:
    """End whatever it was."""
    outside.lounge.sim.faults.clear()
    await outside.telegram.heal()


@pytest.mark.parametrize("fault", [refused, hung, slow, failing, flooded], ids=lambda fault: fault.__name__)
async def test_nobody_is_muted_and_what_waited_is_done(
    outside: Outside, fault: Callable[[Outside], Awaitable[None]]
) -> None:
    """Messages stay, the instance is as healthy as before, and who joined is freed soon after the end."""
    lounge = outside.lounge
    await fault(outside)
    await outside.assert_known_members_speak()
    kept = [lounge.sim.say(user, lounge.group, "hello") for user in (outside.newcomer, lounge.stranger)]
    lounge.sim.join(outside.muted, lounge.news)
    await asyncio.sleep(2)
    status = await outside.status()
    still_muted = lounge.muted(outside.muted)
    await heal(outside)
    await eventually(lambda: not lounge.muted(outside.muted), "who joined is free", within=_RECOVERY_SECONDS)
    await _until_a_stranger_is_muted(outside)
    await outside.live_on()

    assert (status, still_muted) == ("healthy", True)
    assert kept[0].id in {message.id for message in lounge.sim.messages(lounge.group)}
    outside.assert_only_strangers_were_muted()


async def _until_a_stranger_is_muted(outside: Outside) -> None:
    """Have the stranger write until the circuit is closed and the pause is over."""
    lounge = outside.lounge
    async with asyncio.timeout(_RECOVERY_SECONDS):
        while not lounge.muted(lounge.stranger):
            lounge.sim.say(lounge.stranger, lounge.group, "may I?")
            await lounge.sim.settled(_RECOVERY_SECONDS)
            await asyncio.sleep(0.3)
    await lounge.sim.settled(_RECOVERY_SECONDS)


async def test_an_instance_starts_without_telegram(lounge: Lounge, platform: Platform) -> None:
    """Started while Telegram is away it is ready, and degraded until the webhook is set."""
    async with outside_of(lounge, platform) as outside:
        await outside.telegram.refuse()
        api = outside.telegram.url(platform.sim.url)
        async with platform.instance(TELEGRAM_API_URL=api) as third:
            status = await outside.status(third)
            await outside.telegram.heal()

            async def healthy() -> bool:
                return await outside.status(third) == "healthy"

            await eventually(healthy, "healthy")

    assert status == "degraded"
