"""Whole instances that poll: one at a time, with nothing lost or doubled when the turn changes."""

import json
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from bot.simulator import Bot, Simulator
from tests.kits.ingress import Caller, served
from tests.kits.platform import Lounge, Platform, eventually
from tests.kits.simulator import client_of

pytestmark = [pytest.mark.servers]

ELSEWHERE = "http://127.0.0.1:9/somebody-elses"


def conflicts(sim: Simulator) -> int:
    """Count polls that another poll or a webhook ended."""
    return sum(call.status == 409 for call in sim.calls_of("getUpdates"))


def confirmed(sim: Simulator, bot: Bot) -> bool:
    """Whether everything that was sent so far has been taken."""
    offsets = [int(str(call.params["offset"])) for call in sim.calls_of("getUpdates")]
    last = sim.updates(bot)[-1]["update_id"]
    return isinstance(last, int) and max(offsets, default=0) > last


async def until_polling(sim: Simulator) -> None:
    """Wait until a poll is under way."""
    await eventually(lambda: any(call.is_running for call in sim.calls_of("getUpdates")), "somebody polls")


async def fault_of(caller: Caller) -> str:
    """Return what /health says is wrong with the updates."""
    reply = await caller.call("GET", "/health")
    checks = json.loads(reply.body)["checks"]
    return "; ".join(check.get("fault", "") for check in checks.values() if not check["ok"])


async def test_polling_does_the_whole_job(lounge: Lounge, platform: Platform) -> None:
    """A stranger is muted and freed without any webhook."""
    async with served(platform, polling=True):
        await until_polling(lounge.sim)
        await lounge.protect(lounge.news)
        lounge.sim.say(lounge.stranger, lounge.group, "hello")
        await lounge.until_muted(lounge.stranger)
        lounge.sim.join(lounge.stranger, lounge.news)
        await lounge.until_free(lounge.stranger)

    assert conflicts(lounge.sim) == 0
    assert lounge.sim.calls_of("setWebhook", "deleteWebhook") == []


async def test_the_turn_changes_without_loss_or_doubling(lounge: Lounge, platform: Platform) -> None:
    """Of two instances one polls; when it ends the other goes on, and every update is done exactly once."""
    async with AsyncExitStack() as leader, AsyncExitStack() as follower:
        await leader.enter_async_context(served(platform, polling=True))
        await until_polling(lounge.sim)
        other = await follower.enter_async_context(served(platform, polling=True))
        await lounge.protect(lounge.news)
        people = [lounge.sim.add_user(f"Guest {number}") for number in range(12)]
        for person in people:
            lounge.sim.join(person, lounge.group)
        standing_by = await fault_of(other.caller)
        await leader.aclose()
        for number in range(5):
            lounge.sim.say(lounge.member, lounge.group, f"between {number}")
        await eventually(lambda: confirmed(lounge.sim, lounge.bot), "all is confirmed")
        for person in people:
            await lounge.until_muted(person)
        await platform.at_rest()
    done = await platform.fetch("SELECT state, count(*) AS number FROM updates_done GROUP BY state")
    cases = await platform.fetch("SELECT user_id FROM restrictions")
    muted = Counter(str(call.params["user_id"]) for call in lounge.calls("restrictChatMember"))

    assert standing_by == ""
    assert {row["state"] for row in done} == {"done"}
    assert len({row["user_id"] for row in cases}) == len(cases) == len(people)
    assert set(muted.values()) == {1}


async def test_when_the_leader_ends_another_takes_its_turn(lounge: Lounge, platform: Platform) -> None:
    """The instance that stood by polls within seconds and takes what waited meanwhile."""
    async with AsyncExitStack() as leader:
        await leader.enter_async_context(served(platform, polling=True))
        await until_polling(lounge.sim)
        await lounge.protect(lounge.news)
        async with served(platform, polling=True):
            await leader.aclose()
            lounge.sim.say(lounge.stranger, lounge.group, "is anybody there?")
            await lounge.until_muted(lounge.stranger)
            await eventually(lambda: confirmed(lounge.sim, lounge.bot), "all is confirmed")

    assert await platform.fetch("SELECT 1 FROM updates_done WHERE state <> 'done'") == []


async def test_a_broken_lock_ends_the_turn(lounge: Lounge, platform: Platform) -> None:
    """When PostgreSQL drops the connection that holds the lock, the turn is decided anew and nothing is lost."""
    async with served(platform, polling=True), served(platform, polling=True):
        await until_polling(lounge.sim)
        await lounge.protect(lounge.news)
        await platform.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'gmbot lock' AND datname = current_database()"
        )
        lounge.sim.say(lounge.stranger, lounge.group, "hello")
        await lounge.until_muted(lounge.stranger)
        lounge.sim.join(lounge.stranger, lounge.news)
        await eventually(lambda: not lounge.muted(lounge.stranger), "Sam is free")
        await eventually(lambda: confirmed(lounge.sim, lounge.bot), "all is confirmed")

    assert await platform.fetch("SELECT 1 FROM updates_done WHERE state <> 'done'") == []
    assert len(await platform.fetch("SELECT 1 FROM restrictions")) == 1


async def test_a_webhook_that_is_set_is_named_and_left_alone(lounge: Lounge, platform: Platform) -> None:
    """It may be somebody else's: polling says why it does not work, and starts by itself once the webhook is gone."""
    async with client_of(lounge.sim, lounge.bot) as client, served(platform, polling=True) as instance:
        await until_polling(lounge.sim)
        await client("setWebhook", url=ELSEWHERE)

        async def named() -> bool:
            return "webhook" in await fault_of(instance.caller)

        await eventually(named, "the conflict is named")
        reply = await instance.caller.call("GET", "/health")
        info = (await client("getWebhookInfo")).fields
        removed_by_us = lounge.sim.calls_of("deleteWebhook")
        await client("deleteWebhook")
        await until_polling(lounge.sim)

    assert (reply.status, json.loads(reply.body)["status"]) == (200, "degraded")
    assert info["url"] == ELSEWHERE
    assert removed_by_us == []


async def test_take_over_removes_the_webhook_and_keeps_what_waits(lounge: Lounge, platform: Platform) -> None:
    """With the operator's word the webhook goes, and the updates that waited for it are taken."""
    async with client_of(lounge.sim, lounge.bot) as client:
        await client("setWebhook", url=ELSEWHERE)
        lounge.sim.private(lounge.owner, lounge.bot, "/start")
        async with served(platform, polling=True, take_over=True):
            await eventually(lambda: confirmed(lounge.sim, lounge.bot), "all is confirmed")
        info = (await client("getWebhookInfo")).fields

    assert info["url"] == ""
    assert [call.params.get("drop_pending_updates") for call in lounge.sim.calls_of("deleteWebhook")] in (
        [None],
        ["false"],
        ["False"],
        [False],
    )
    assert lounge.said(lounge.sim.private_chat(lounge.owner, lounge.bot)) != []
