"""Telegram asks to wait, fails or is silent for a while: what is started, what is not, and that nothing is lost."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial

import pytest

from bot.simulator import Call, Chat, Fault, FloodLimits, Simulator, User
from tests.acceptance.kit import finished, gated, prompts, restricted
from tests.faults.pauses import NOT_OURS, EveryThird, pauses_of, started_inside
from tests.kits.platform import Lounge, Platform, add_group, eventually, furnish
from tests.kits.ports import free_port

pytestmark = pytest.mark.servers

# What is judged between processes is 50 ms; here simulator and instances share an event loop, on a machine that runs
# other tests. Pauses last a second or two: who disregards them is found by this, too.
ONE_LOOP_SECONDS = 0.5


def started_inside_a_pause(calls: list[Call]) -> list[str]:
    """Return the calls that were started while Telegram had asked for none."""
    ours = [call for call in calls if call.method not in NOT_OURS]
    return [what for late, what in started_inside(ours, pauses_of(ours)) if late > ONE_LOOP_SECONDS]


@pytest.fixture
async def two(platform: Platform) -> AsyncIterator[None]:
    """Run two instances; the second has the webhook, both work on cases."""
    async with AsyncExitStack() as stack:
        for _ in range(2):
            await stack.enter_async_context(platform.instance())
            await platform.webhook_is_set()
        await platform.sim.settled()
        yield


@pytest.mark.usefixtures("two")
async def test_a_pause_is_obeyed_and_the_mute_follows(lounge: Lounge, platform: Platform) -> None:
    """A 429 for two seconds: three strangers wait for their mutes, whichever instance works, and all are muted."""
    await lounge.protect(lounge.news)
    strangers = [lounge.stranger, lounge.sim.add_user("Una"), lounge.sim.add_user("Vic")]
    lounge.sim.faults.add(Fault(kind="flood", method="restrictChatMember", retry_after=2, times=1))
    for stranger in strangers:
        if stranger is not lounge.stranger:
            lounge.sim.join(stranger, lounge.group)
        lounge.sim.say(stranger, lounge.group, "hello")
    await eventually(lambda: all(map(lounge.muted, strangers)), "all are muted")
    await finished(lounge, platform)

    done = Counter(call.params["user_id"] for call in lounge.calls("restrictChatMember") if call.status == 200)
    assert started_inside_a_pause(lounge.sim.calls) == []
    assert done == {stranger.id: 1 for stranger in strangers}
    assert len(prompts(lounge)) == 3


@pytest.mark.usefixtures("two")
async def test_a_storm_of_pauses_loses_nothing(lounge: Lounge, platform: Platform) -> None:
    """Every third call is answered with 429 for a while: pauses are kept, presses answered, and all ends right."""
    await lounge.protect(lounge.news)
    prompt = await gated(lounge, platform, lounge.stranger)
    strangers = [lounge.sim.add_user(f"Guest {number}") for number in range(4)]
    storm = lounge.sim.faults.add(EveryThird(kind="flood", times=None))
    for stranger in strangers:
        lounge.sim.join(stranger, lounge.group)
        lounge.sim.say(stranger, lounge.group, "hello")
    lounge.sim.say(lounge.member, lounge.group, "hello, too")
    presses = [lounge.sim.press(lounge.stranger, lounge.group, prompt, "v") for _ in range(3)]
    await lounge.sim.settled(timeout=20)
    deliveries = [each for each in lounge.sim.deliveries if each.kind == "callback_query"]
    lounge.sim.faults.remove(storm)
    for stranger in strangers:
        await eventually(partial(muted_after_a_word, lounge, stranger), "the stranger is muted")
    lounge.sim.join(lounge.stranger, lounge.news)
    await eventually(lambda: not lounge.muted(lounge.stranger), "the joiner is free")
    await eventually(lambda: len(prompts(lounge)) == len(strangers), "one prompt for each")

    waited = [each.finished - each.started for each in deliveries if each.finished is not None]
    assert started_inside_a_pause(lounge.sim.calls) == []
    assert len(waited) >= len(presses)
    # Telegram's own pauses among it, and whatever else the machine does.
    assert max(waited) < 6
    assert lounge.member.id not in restricted(lounge)


async def muted_after_a_word(lounge: Lounge, stranger: User) -> bool:
    """Whether a stranger is muted, or is as soon as they speak: in a pause messages pass unchecked."""
    if not lounge.muted(stranger):
        lounge.sim.say(stranger, lounge.group, "hello again")
        await lounge.sim.settled()
        await asyncio.sleep(0.2)
    return lounge.muted(stranger)


async def come_and_speak(lounge: Lounge, platform: Platform, number: int) -> list[User]:
    """Have so many strangers come in and say something at once, and wait until all that follows is done."""
    guests = [lounge.sim.add_user(f"Guest {number}") for number in range(number)]
    for guest in guests:
        lounge.sim.join(guest, lounge.group)
        lounge.sim.say(guest, lounge.group, "hello")
    await finished(lounge, platform)
    return guests


def asked_about(lounge: Lounge, chat: Chat) -> list[Call]:
    """Return the calls about a chat."""
    return [call for call in lounge.sim.calls if call.params.get("chat_id") == chat.id]


async def test_a_crowd_never_meets_telegrams_limits(database_url: str, redis_url: str) -> None:
    """Thirty strangers join a group where Telegram keeps its limits: all are muted, and there is no 429."""
    sim = Simulator(flood_limits=FloodLimits())
    async with sim.serving():
        lounge = furnish(sim)
        platform = Platform(sim, database_url, redis_url, lounge.bot)
        async with platform.instance(), platform.instance():
            await platform.webhook_is_set()
            await lounge.protect(lounge.news)
            crowd = [sim.add_user(f"Guest {number}") for number in range(30)]
            for guest in crowd:
                sim.join(guest, lounge.group)
            await eventually(lambda: all(map(lounge.muted, crowd)), "all thirty are muted")
            await eventually(lambda: len(prompts(lounge)) == 6, "five own prompts stand, and one for all others")
            sim.say(lounge.owner, lounge.group, "/status")
            await lounge.until_said("News")
            statuses = Counter(call.status for call in sim.calls if call.method not in NOT_OURS)

    assert statuses[429] == 0
    assert len(prompts(lounge)) == 6


@pytest.mark.usefixtures("instance")
async def test_a_failed_mute_is_repeated_after_1_2_and_4_seconds(lounge: Lounge) -> None:
    """Three failures of the server, each after a longer pause; the fourth attempt succeeds, and is one mute."""
    await lounge.protect(lounge.news)
    lounge.sim.faults.add(Fault(kind="error", method="restrictChatMember", code=502, times=3))
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await eventually(lambda: lounge.muted(lounge.stranger), "muted in the end")

    attempts = [call.at for call in lounge.calls("restrictChatMember")]
    pauses = [later - earlier for earlier, later in itertools.pairwise(attempts)]
    in_time = [nominal <= pause < nominal * 1.1 + 2.0 for nominal, pause in zip((1, 2, 4), pauses, strict=True)]

    assert in_time == [True] * 3


@pytest.mark.usefixtures("instance")
async def test_a_silent_telegram_is_left_in_peace(lounge: Lounge, platform: Platform) -> None:
    """Everything fails: after a few calls only probes are made; members speak, nobody is muted; then all goes on."""
    await lounge.protect(lounge.news)
    silence = lounge.sim.faults.add(Fault(kind="error", code=503, times=None))
    await come_and_speak(lounge, platform, 10)
    before = len(lounge.sim.calls)
    await come_and_speak(lounge, platform, 30)
    while_silent = lounge.sim.calls[before:]

    assert len(while_silent) < 10
    assert restricted(lounge) == []

    lounge.sim.faults.remove(silence)
    await eventually(partial(muted_after_a_word, lounge, lounge.stranger), "the stranger is muted")


@pytest.mark.usefixtures("instance")
async def test_one_silent_channel_stops_no_other(lounge: Lounge, platform: Platform) -> None:
    """After a few questions about it only probes are made; another group is gated as ever; then all goes on."""
    await lounge.protect(lounge.news)
    terrace = add_group(lounge.sim, lounge.bot, lounge.owner, "Terrace")
    lounge.sim.say(lounge.owner, terrace, f"/protect {lounge.insiders.id}")
    await lounge.until_said("Done.", terrace)
    silence = lounge.sim.faults.add(Fault(kind="error", chat=lounge.news.id, code=503, times=None))
    first = len(asked_about(lounge, lounge.news))
    guests = await come_and_speak(lounge, platform, 10)
    before = len(asked_about(lounge, lounge.news))
    guests += await come_and_speak(lounge, platform, 30)
    lounge.sim.join(lounge.stranger, terrace)
    await eventually(partial(lounge.muted, lounge.stranger, terrace), "the other group is gated")
    await finished(lounge, platform)

    assert before - first >= 5
    assert len(asked_about(lounge, lounge.news)) - before < 10
    assert not any(lounge.muted(guest) for guest in guests)

    lounge.sim.faults.remove(silence)
    await eventually(partial(muted_after_a_word, lounge, guests[0]), "a stranger is muted again")


async def test_without_redis_mutes_and_lifts_go_on(lounge: Lounge, platform: Platform) -> None:
    """Each instance takes its part of the budgets by itself."""
    async with platform.instance(REDIS_URL=f"redis://127.0.0.1:{free_port()}/0"):
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        await gated(lounge, platform, lounge.stranger)
        lounge.sim.join(lounge.stranger, lounge.news)
        await lounge.until_free(lounge.stranger)
        await finished(lounge, platform)

    assert prompts(lounge) == []
