"""Telegram refuses, is slow, answers 5xx or 429 to everything: nobody is muted for it, and what waited is done."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from bot.domain.api import Scope
from bot.simulator import Fault
from tests.faults.away import Outside, outside_of
from tests.kits.api import Api, token_for
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


async def _until_known(api: Api, lounge: Lounge) -> str:
    path = f"/bots/gate_bot/groups/{lounge.group.id}"

    async def found() -> bool:
        return (await api.get(path)).status == 200

    await eventually(found, "the group is known")
    return f"{path}/messages"


async def test_an_operator_s_message_waits_for_a_network_that_comes_back(outside: Outside) -> None:
    """Nobody listens when it is to be sent: it is tried again, and said once."""
    async with aiohttp.ClientSession() as session:
        api = Api(session, outside.first, await token_for(outside.platform, Scope.OPERATE))
        path = await _until_known(api, outside.lounge)
        await outside.telegram.refuse()
        async with asyncio.TaskGroup() as tasks:
            sending = tasks.create_task(api.post(path, {"text": "Good morning"}))
            await asyncio.sleep(0.5)
            waiting = not sending.done()
            await outside.telegram.heal()

    assert waiting
    assert sending.result().status == 201
    assert outside.lounge.said().count("Good morning") == 1


async def test_an_operator_s_message_whose_answer_is_lost_is_told_of(outside: Outside) -> None:
    """The network is cut: an error in time that says what is unknown; and with its key it is sent afterwards."""
    async with aiohttp.ClientSession() as session:
        api = Api(session, outside.first, await token_for(outside.platform, Scope.OPERATE))
        path = await _until_known(api, outside.lounge)
        outside.telegram.cut()
        began = asyncio.get_running_loop().time()
        refused = await api.post(path, {"text": "Good morning"}, key="greeting")
        took = asyncio.get_running_loop().time() - began
        await outside.telegram.heal()

        async def sent() -> bool:
            return (await api.post(path, {"text": "Good morning"}, key="greeting")).status == 201

        await eventually(sent, "it is sent", within=_RECOVERY_SECONDS)

    assert took < 30
    assert refused.status == 503
    assert "Telegram does not answer now: no answer within 2.0 s; whether it was sent is unknown" in refused.text
    assert "retry-after" in refused.headers
    # Once more where what was on its way has arrived after all.
    assert outside.lounge.said().count("Good morning") in {1, 2}
