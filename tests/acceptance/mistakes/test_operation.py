"""How instances come and go: nothing is dropped, nothing is done twice, no port is fixed."""

from collections.abc import Callable

import aiohttp
import pytest

from bot.simulator import Duplicate
from tests.acceptance.kit import finished, from_bot, gated, prompts, restricted, stands
from tests.kits.platform import Lounge, Platform, add_group, eventually

pytestmark = pytest.mark.servers

# Telegram delivers again after pauses that double; what failed while no instance ran comes some seconds later.
PATIENCE = 60.0


async def test_a_restart_drops_no_update(lounge: Lounge, platform: Platform) -> None:
    """What was said while no instance ran is handled by the next one; no start throws Telegram's queue away."""
    async with platform.instance():
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
    message = lounge.sim.say(lounge.stranger, lounge.group, "while nobody looks")
    async with platform.instance():
        await eventually(lambda: lounge.muted(lounge.stranger), "the stranger is muted", within=PATIENCE)
        await finished(lounge, platform)

        assert not stands(lounge, message)
    starts = lounge.calls("setWebhook", "deleteWebhook")
    assert len(starts) >= 2
    assert all(call.params.get("drop_pending_updates") in {None, False} for call in starts)


async def test_a_restart_leaves_nobody_muted(lounge: Lounge, platform: Platform) -> None:
    """Muted by one instance, joined while none ran, freed by the next: no press, no memory needed."""
    async with platform.instance():
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        await gated(lounge, platform, lounge.stranger)
    lounge.sim.join(lounge.stranger, lounge.news)
    async with platform.instance():
        await eventually(lambda: not lounge.muted(lounge.stranger), "the stranger is free", within=PATIENCE)
        await finished(lounge, platform)

        assert prompts(lounge) == []


async def test_whoever_comes_back_as_a_member_is_freed(lounge: Lounge, platform: Platform) -> None:
    """Muted, gone, in the channel (the news of it got lost), known as a member from elsewhere, back: free."""
    other = add_group(lounge.sim, lounge.bot, lounge.owner, "Other")
    lounge.sim.join(lounge.stranger, other)
    async with platform.instance():
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        await gated(lounge, platform, lounge.stranger)
        lounge.sim.leave(lounge.stranger, lounge.group)
        await finished(lounge, platform)
    lounge.sim.join(lounge.stranger, lounge.news)
    await loses(lounge, platform)
    async with platform.instance():
        await eventually(lounge_is_quiet(lounge), "everything is delivered", within=PATIENCE)
        lounge.sim.say(lounge.owner, other, "/protect @gm_news")
        await lounge.until_said("Done.", other)
        lounge.sim.say(lounge.stranger, other, "hello")
        await finished(lounge, platform)
        lounge.sim.join(lounge.stranger, lounge.group)

        await lounge.until_free(lounge.stranger)


async def loses(lounge: Lounge, platform: Platform) -> None:
    """Let the newest update be lost: GMBot takes it for one that it has handled."""
    newest = lounge.sim.updates(lounge.bot)[-1]
    await platform.fetch(
        "INSERT INTO updates_done (bot_id, update_id, state, owner) VALUES ($1, $2, 'done', gen_random_uuid())",
        lounge.bot.id,
        newest["update_id"],
    )


def lounge_is_quiet(lounge: Lounge) -> Callable[[], bool]:
    """Ask whether Telegram has handed over its newest update."""
    newest = lounge.sim.updates(lounge.bot)[-1]["update_id"]
    return lambda: any(each.update_id == newest and each.status == 200 for each in lounge.sim.deliveries)


async def test_polling_drops_no_update_either(lounge: Lounge, platform: Platform) -> None:
    """The first poll confirms nothing that was not handled."""
    message = lounge.sim.say(lounge.owner, lounge.group, "/protect @gm_news")
    async with platform.instance(polling=True):
        await lounge.until_said("Done.")

    assert stands(lounge, message)
    assert all(
        call.params.get("drop_pending_updates") in {None, False}
        for call in lounge.calls("setWebhook", "deleteWebhook", "getUpdates")
    )


async def test_updates_of_every_needed_kind_are_asked_for(lounge: Lounge, platform: Platform) -> None:
    """`chat_member` comes only to those who ask; what is not handled is not asked for."""
    async with platform.instance():
        await platform.webhook_is_set()

    (call,) = lounge.calls("setWebhook")
    assert call.params["allowed_updates"] == [
        "message",
        "edited_message",
        "callback_query",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
    ]


async def test_two_instances_run_on_one_host(lounge: Lounge, platform: Platform) -> None:
    """No port is fixed: both serve, both are healthy, and one update is acted upon once."""
    async with platform.instance() as first, platform.instance() as second, aiohttp.ClientSession() as session:
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        for url in (first, second):
            async with session.get(f"{url}/livez") as answer:
                assert answer.status == 200
        await gated(lounge, platform, lounge.stranger)

        assert first != second
        assert restricted(lounge) == [lounge.stranger.id]
        assert len(prompts(lounge)) == 1


async def test_an_update_that_two_instances_get_is_done_once(lounge: Lounge, platform: Platform) -> None:
    """Instance one handled it; Telegram delivers it again, to instance two."""
    async with platform.instance() as first, platform.instance() as second, aiohttp.ClientSession() as session:
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        await gated(lounge, platform, lounge.stranger)
        said = [update for update in lounge.sim.updates(lounge.bot) if "hello" in str(update.get("message"))]
        secret = str(lounge.calls("setWebhook")[-1].params["secret_token"])
        for url in (first, second):
            async with session.post(
                f"{url}/telegram/{lounge.bot.id}", json=said[0], headers={"X-Telegram-Bot-Api-Secret-Token": secret}
            ) as answer:
                assert answer.status == 200
        await finished(lounge, platform)

        assert restricted(lounge) == [lounge.stranger.id]
        assert len(prompts(lounge)) == 1


async def test_a_press_delivered_twice_and_a_join_lift_once(lounge: Lounge, platform: Platform) -> None:
    """Press, press again and the event of the join: one lift."""
    async with platform.instance():
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        prompt = await gated(lounge, platform, lounge.stranger)
        lounge.sim.faults.duplicates.append(Duplicate(kind="callback_query", copies=3, at_once=True))
        lounge.sim.join(lounge.stranger, lounge.news)
        lounge.sim.press(lounge.stranger, lounge.group, prompt, "v")
        await lounge.until_free(lounge.stranger)
        await finished(lounge, platform)

        assert restricted(lounge) == [lounge.stranger.id] * 2


async def test_one_instances_memory_does_not_outlive_anothers_news(lounge: Lounge, platform: Platform) -> None:
    """Both instances know the member; the leave reaches one of them, and the other mutes the next words, too."""
    async with platform.instance() as first, platform.instance() as second, aiohttp.ClientSession() as session:
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        lounge.sim.say(lounge.member, lounge.group, "known to the instance that Telegram knows")
        await finished(lounge, platform)
        said = lounge.sim.updates(lounge.bot)[-1]
        secret = str(lounge.calls("setWebhook")[-1].params["secret_token"])
        for number, url in enumerate((first, second), start=900_000_000):
            async with session.post(
                f"{url}/telegram/{lounge.bot.id}",
                json={**said, "update_id": number},
                headers={"X-Telegram-Bot-Api-Secret-Token": secret},
            ) as answer:
                assert answer.status == 200
        lounge.sim.leave(lounge.member, lounge.news)

        await lounge.until_muted(lounge.member)


async def test_nothing_is_said_at_a_start(lounge: Lounge, platform: Platform) -> None:
    """A restart is nobody's business but the operator's."""
    async with platform.instance():
        await platform.webhook_is_set()
        await finished(lounge, platform)

    assert from_bot(lounge) == []
