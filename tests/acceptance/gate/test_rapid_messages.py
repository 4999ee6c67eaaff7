"""A hundred messages of one user, as fast as they come: handled in order, none left out, none twice."""

import itertools
from collections import Counter
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.ingress.test_polling import confirmed, until_polling
from tests.acceptance.kit import finished, prompts
from tests.faults.front import front
from tests.kits.platform import Lounge, Platform, eventually, has_heard
from tests.kits.ports import free_port

pytestmark = [pytest.mark.servers]

MESSAGES = 100


async def in_order(lounge: Lounge, platform: Platform, first: int, *, deleted_again: int = 0) -> None:
    """Assert that all updates from `first` on were done once, one after the other, and what came of them.

    Whoever takes over from a dead instance repeats the deletion that it was at, of `deleted_again` messages at most.
    """
    rows = await platform.fetch(
        "SELECT update_id, state FROM updates_done WHERE update_id BETWEEN $1 AND $2 ORDER BY claimed_at, update_id",
        first,
        first + MESSAGES - 1,
    )
    numbers = [row["update_id"] for row in rows]
    deleted = Counter(
        number
        for call in lounge.calls("deleteMessage", "deleteMessages")
        if call.status == 200
        for number in ids(call.params)
    )

    assert numbers == list(range(first, first + MESSAGES))
    assert {row["state"] for row in rows} == {"done"}
    assert [
        each.text for each in lounge.sim.messages(lounge.group) if each.author is lounge.stranger and each.text
    ] == []
    assert len(deleted) == MESSAGES
    assert sum(deleted.values()) <= MESSAGES + deleted_again
    assert len(prompts(lounge)) == 1


def ids(params: object) -> list[str]:
    """Return the messages that a call deletes."""
    assert isinstance(params, dict)
    found = params.get("message_ids", [params.get("message_id")])
    return [str(number) for number in found] if isinstance(found, list) else []


def next_update(lounge: Lounge) -> int:
    """Return the number of the update to come."""
    number = lounge.sim.updates(lounge.bot)[-1]["update_id"]
    assert isinstance(number, int)
    return number + 1


@pytest.mark.parametrize("instances", [1, 3])
async def test_a_hundred_messages_by_webhook(
    lounge: Lounge, platform: Platform, instances: int, tmp_path: Path
) -> None:
    """Behind nginx, which hands each to the next instance: in order, with one mute and one prompt."""
    port = free_port()
    async with AsyncExitStack() as stack:
        urls = [
            await stack.enter_async_context(platform.instance(WEBHOOK_URL=f"http://127.0.0.1:{port}"))
            for _ in range(instances)
        ]
        await stack.enter_async_context(front(tmp_path / "front", port, *(urlsplit(url).port or 0 for url in urls)))
        await platform.webhook_is_set()
        await lounge.protect(lounge.news)
        for url in urls:
            await eventually(partial(has_heard, url), "the instance has heard that the group is protected")
        first = next_update(lounge)
        for number in range(MESSAGES):
            lounge.sim.say(lounge.stranger, lounge.group, f"line {number}")
        await lounge.sim.settled(60)
        await finished(lounge, platform)
        owners = await platform.fetch("SELECT DISTINCT owner FROM updates_done WHERE update_id >= $1", first)
        deliveries = [each for each in lounge.sim.deliveries if first <= each.update_id < first + MESSAGES]
        await in_order(lounge, platform, first)

    assert len(owners) == instances
    assert [each.attempt for each in deliveries] == [deliveries[0].attempt] * MESSAGES
    assert all(one.finished is not None and one.finished <= two.started for one, two in itertools.pairwise(deliveries))
    assert sum(call.status == 200 for call in lounge.calls("restrictChatMember")) == 1


@pytest.mark.processes
@pytest.mark.slow
async def test_a_poller_is_killed_among_a_hundred_messages(lounge: Lounge, platform: Platform) -> None:
    """The other polls within five seconds and goes on where the first was: in order, none left out, none twice."""
    async with platform.poller(free_port()) as leader:
        await until_polling(lounge.sim)
        await lounge.protect(lounge.news)
        async with platform.poller(free_port()):
            first = next_update(lounge)
            for number in range(MESSAGES):
                lounge.sim.say(lounge.stranger, lounge.group, f"line {number}")

            async def some_are_done() -> bool:
                return len(await platform.fetch("SELECT 1 FROM updates_done WHERE update_id >= $1", first + 10)) > 0

            await eventually(some_are_done, "some are done")
            leader.kill()
            killed, before = lounge.sim.clock.now(), len(lounge.sim.calls_of("getUpdates"))
            await eventually(lambda: len(lounge.sim.calls_of("getUpdates")) > before, "another polls")
            took_over = lounge.sim.calls_of("getUpdates")[before].at - killed
            await eventually(lambda: confirmed(lounge.sim, lounge.bot), "all is confirmed", within=60)
            await finished(lounge, platform)
            await in_order(lounge, platform, first, deleted_again=MESSAGES)

    assert took_over < 5
    assert {call.params["user_id"] for call in lounge.calls("restrictChatMember")} == {lounge.stranger.id}
