"""What happened while no instance ran and Telegram forgot to tell: put right after the next start."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from bot.simulator import Clock, Fault, MovableClock, User
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = pytest.mark.servers

DAYS = 25 * 3600.0


@pytest.fixture
def sim_clock() -> Clock:
    """Let Telegram's time be moved, so that it gives up on what it could not deliver."""
    return MovableClock()


@asynccontextmanager
async def running(platform: Platform, lounge: Lounge) -> AsyncIterator[str]:
    """Run one instance after an outage of more than a day: nothing that happened meanwhile is told any more."""
    lounge.sim.clock.advance(DAYS)
    async with platform.instance() as url:
        yield url


async def gated(platform: Platform, lounge: Lounge, *users: User) -> None:
    """Run an instance, have it protect the group and mute the users, and stop it."""
    async with platform.instance():
        await platform.webhook_is_set()
        await lounge.settled()
        await lounge.protect(lounge.news)
        for user in users:
            lounge.sim.say(user, lounge.group, "hello")
            await lounge.until_muted(user)
        await lounge.settled()
        await platform.at_rest()


async def reviewed(platform: Platform, count: int = 1) -> None:
    """Wait until so many cases have been compared."""

    async def done() -> bool:
        rows = await platform.fetch(
            "SELECT 1 FROM restrictions WHERE reviewed_at IS NOT NULL"
            " AND (closed_at IS NOT NULL OR review_version < version)"
        )
        return len(rows) == count

    await eventually(done, f"{count} cases are compared")
    await platform.at_rest()


async def counted(url: str) -> dict[str, float]:
    """Return the differences that the instance counts as repaired."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    pairs = [line.rsplit(" ", 1) for line in lines if line.startswith("gmbot_reconciled_total{")]
    return {name.split('"')[1]: float(value) for name, value in pairs}


async def test_who_joined_meanwhile_is_freed(lounge: Lounge, platform: Platform) -> None:
    """The event of it is gone for good; nobody stays muted for that."""
    await gated(platform, lounge, lounge.stranger)
    lounge.sim.join(lounge.stranger, lounge.news)

    async with running(platform, lounge) as url:
        await eventually(lambda: not lounge.muted(lounge.stranger), "the stranger is free")
        await platform.at_rest()

        assert await platform.open_cases() == []
        assert lounge.prompts(lounge.stranger) == []
        assert await counted(url) == {"joined": 1}


async def test_who_did_not_join_stays_muted_with_one_prompt(lounge: Lounge, platform: Platform) -> None:
    """Nothing is done to anybody whose case is as the ledger has it."""
    await gated(platform, lounge, lounge.stranger)
    before = len(lounge.calls("restrictChatMember", "sendMessage", "deleteMessage"))

    async with running(platform, lounge) as url:
        await reviewed(platform)

        assert lounge.muted(lounge.stranger)
        assert len(lounge.prompts(lounge.stranger)) == 1
        assert len(lounge.calls("restrictChatMember", "sendMessage", "deleteMessage")) == before
        assert await counted(url) == {}


async def test_a_moderator_s_unmute_is_respected(lounge: Lounge, platform: Platform) -> None:
    """Who was given their voice back keeps it until they speak; the case and its prompt are gone."""
    await gated(platform, lounge, lounge.stranger)
    lounge.sim.restrict(lounge.group, lounge.stranger, permissions=True)

    async with running(platform, lounge) as url:
        await reviewed(platform)

        assert not lounge.muted(lounge.stranger)
        assert await platform.open_cases() == []
        assert await counted(url) == {"overruled": 1}


async def test_a_ban_ends_the_case(lounge: Lounge, platform: Platform) -> None:
    """Nobody who was banned meanwhile is let in again by us, and nobody is prompted any more."""
    await gated(platform, lounge, lounge.stranger)
    lounge.sim.ban(lounge.group, lounge.stranger)

    async with running(platform, lounge):
        await reviewed(platform)

        assert lounge.sim.member(lounge.group, lounge.stranger).status == "kicked"
        assert await platform.open_cases() == []
        assert len(lounge.calls("restrictChatMember")) == 1


async def test_a_moderator_s_mute_outlives_ours(lounge: Lounge, platform: Platform) -> None:
    """Muted by a moderator meanwhile, then a member of the channel: the moderator's mute stays."""
    await gated(platform, lounge, lounge.stranger)
    lounge.sim.restrict(lounge.group, lounge.stranger, permissions=False)
    lounge.sim.join(lounge.stranger, lounge.news)

    async with running(platform, lounge):
        await reviewed(platform)

        assert lounge.muted(lounge.stranger)
        assert await platform.open_cases() == []
        assert len(lounge.calls("restrictChatMember")) == 1


async def test_who_left_the_group_leaves_no_prompt(lounge: Lounge, platform: Platform) -> None:
    """The mute stays for their return, and with it comes a new prompt."""
    await gated(platform, lounge, lounge.stranger)
    lounge.sim.leave(lounge.stranger, lounge.group)

    async with running(platform, lounge) as url:
        await reviewed(platform)
        assert lounge.prompts(lounge.stranger) == []
        assert await counted(url) == {"left": 1}

        lounge.sim.join(lounge.stranger, lounge.group)
        await eventually(lambda: len(lounge.prompts(lounge.stranger)) == 1, "a new prompt")
        assert lounge.muted(lounge.stranger)


async def test_a_channel_lost_meanwhile_frees_everybody(lounge: Lounge, platform: Platform) -> None:
    """Removed from the channel without hearing of it: a gate that cannot ask holds nobody."""
    await gated(platform, lounge, lounge.stranger)
    lounge.sim.remove(lounge.news, lounge.bot)

    async with running(platform, lounge):
        await eventually(lambda: not lounge.muted(lounge.stranger), "the stranger is free")


async def test_two_instances_compare_once(lounge: Lounge, platform: Platform) -> None:
    """One of them leads; the other stands by."""
    await gated(platform, lounge, lounge.stranger)
    before = len(lounge.calls("getChatMember"))

    async with running(platform, lounge), platform.instance():
        await reviewed(platform)
        about = [call.params["user_id"] for call in lounge.calls("getChatMember")[before:]]
        leaders = await platform.fetch(
            "SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database"
            " WHERE locktype = 'advisory' AND classid = x'67726563'::int AND granted AND datname = current_database()"
        )

    assert [str(user) for user in about].count(str(lounge.stranger.id)) == 2
    assert len(leaders) == 1


async def test_a_flood_bounds_the_comparison(lounge: Lounge, platform: Platform) -> None:
    """While Telegram asks for patience next to nothing is asked and nobody is freed; then everybody gets their turn."""
    crowd = [lounge.sim.add_user(f"Visitor {number}") for number in range(6)]
    for user in crowd:
        lounge.sim.join(user, lounge.group)
    await gated(platform, lounge, *crowd)
    for user in crowd:
        lounge.sim.join(user, lounge.news)
    flood = lounge.sim.faults.add(Fault(kind="flood", method="getChatMember", retry_after=1, times=None))
    before = len(lounge.calls("getChatMember"))

    async with running(platform, lounge):
        await eventually(lambda: len(lounge.calls("getChatMember")) > before + 2, "the flood is met")
        assert all(lounge.muted(user) for user in crowd)
        assert len(lounge.calls("getChatMember")) - before < 20

        lounge.sim.faults.remove(flood)
        await eventually(lambda: not any(lounge.muted(user) for user in crowd), "everybody is free")
