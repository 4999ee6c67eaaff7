"""Scheduled actions on whole instances: each is done once, also when an instance dies in the middle of one."""

import json

import pytest

from bot.simulator import Fault
from tests.kits.platform import Lounge, Platform, eventually
from tests.kits.ports import free_port

pytestmark = [pytest.mark.servers, pytest.mark.processes, pytest.mark.slow]


def written(lounge: Lounge, count: int) -> list[int]:
    """Have the stranger write so many messages."""
    return [lounge.sim.say(lounge.stranger, lounge.group, f"line {number}").id for number in range(count)]


async def schedule(platform: Platform, lounge: Lounge, messages: list[int]) -> None:
    """Make the messages due to be deleted."""
    await platform.fetch(
        "INSERT INTO scheduled_actions (bot_id, kind, chat_id, message_id, due_at)"
        " SELECT $1, 'delete_message', $2, number, now() FROM unnest($3::bigint[]) number",
        lounge.bot.id,
        lounge.group.id,
        messages,
    )


def asked(lounge: Lounge) -> list[int]:
    """Return every message that the bot asked Telegram to delete, as often as it did."""
    asked: list[int] = []
    for call in lounge.calls("deleteMessages"):
        numbers: list[int] = json.loads(str(call.params["message_ids"]))
        asked.extend(numbers)
    return asked + [int(str(call.params["message_id"])) for call in lounge.calls("deleteMessage")]


async def all_done(platform: Platform, *, within: float) -> None:
    """Wait until no action is left."""

    async def none_left() -> bool:
        return not await platform.fetch("SELECT 1 FROM scheduled_actions")

    await eventually(none_left, "all actions are done", within=within)


async def test_two_instances_do_each_action_once(lounge: Lounge, platform: Platform) -> None:
    """Three hundred deletions, a hundred to a call, none of them asked for twice."""
    messages = written(lounge, 300)
    async with platform.process(free_port()), platform.process(free_port()):
        await schedule(platform, lounge, messages)
        await all_done(platform, within=60)

    assert sorted(asked(lounge)) == messages
    assert not lounge.calls("deleteMessage")
    assert not {message.id for message in lounge.sim.messages(lounge.group)} & set(messages)


async def test_killed_in_the_middle_of_a_deletion(lounge: Lounge, platform: Platform) -> None:
    """The survivor takes over when the lease is out; nothing stays behind."""
    messages = written(lounge, 50)
    lounge.sim.faults.add(Fault(kind="delay", method="deleteMessages", seconds=1.5))
    async with platform.process(free_port()) as doomed:
        await schedule(platform, lounge, messages)
        await lounge.until_running("deleteMessages")
        doomed.kill()
        async with platform.process(free_port()):
            await all_done(platform, within=60)

    assert not {message.id for message in lounge.sim.messages(lounge.group)} & set(messages)
