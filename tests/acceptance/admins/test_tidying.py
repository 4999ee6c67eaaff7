"""What has been read leaves the group: commands, their answers, and where it is wanted who came and who left."""

import pytest

from tests.acceptance.admins.test_settings import opened, press
from tests.acceptance.kit import finished, from_bot, stands
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]

_DUE = "SELECT message_id, extract(epoch FROM due_at - now()) AS seconds FROM scheduled_actions ORDER BY message_id"
_NOW = "UPDATE scheduled_actions SET due_at = now() RETURNING message_id"


async def due(platform: Platform) -> dict[int, float]:
    """Return what is to be deleted, in how many seconds."""
    return {row["message_id"]: float(row["seconds"]) for row in await platform.fetch(_DUE)}


async def test_a_command_and_its_answer_go_together(lounge: Lounge, platform: Platform) -> None:
    """After a minute, in one call, by whichever instance is there then."""
    command = lounge.sim.say(lounge.owner, lounge.group, "/help")
    await lounge.until_said("/protect @channel")
    await lounge.settled()
    answer = from_bot(lounge)[-1]
    waiting = await due(platform)
    assert waiting.keys() == {command.id, answer.id}
    assert all(50 < seconds <= 60 for seconds in waiting.values())

    await platform.fetch(_NOW)
    await eventually(lambda: not stands(lounge, answer) and not stands(lounge, command), "both are gone")

    assert [call.params["message_ids"] for call in lounge.calls("deleteMessages")] == [[command.id, answer.id]]


async def test_a_panel_that_is_used_stays(lounge: Lounge, platform: Platform) -> None:
    """Each press gives it as long again."""
    await lounge.protect(lounge.news)
    panel = await opened(lounge)
    await platform.fetch("UPDATE scheduled_actions SET due_at = now() + interval '20 seconds' RETURNING 1")

    await press(lounge, panel, "Edited messages")
    await finished(lounge, platform)

    waiting = await due(platform)
    assert waiting.pop(panel.id) > 50
    assert all(seconds <= 20 for seconds in waiting.values())


async def test_admins_choose_how_long(lounge: Lounge, platform: Platform) -> None:
    """An hour, or for good."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, "/settings tidy_minutes=60")
    await lounge.until_said("Tidying up: 1 h")
    await lounge.settled()
    assert max((await due(platform)).values()) > 3_500

    lounge.sim.say(lounge.owner, lounge.group, "/settings tidy_minutes=0")
    await lounge.until_said("Tidying up: Off")
    await lounge.settled()
    before = await due(platform)
    lounge.sim.say(lounge.owner, lounge.group, "/help")
    await lounge.until_said("/protect @channel")
    await lounge.settled()

    assert (await due(platform)).keys() == before.keys()


async def test_nothing_goes_in_private(lounge: Lounge, platform: Platform) -> None:
    """There it is in nobody's way."""
    private = lounge.sim.private_chat(lounge.owner, lounge.bot)
    lounge.sim.say(lounge.owner, private, "/help")
    await lounge.until_said("/protect @channel", private)
    await lounge.settled()

    assert await due(platform) == {}


async def test_who_came_and_who_left_is_removed_where_it_is_wanted(lounge: Lounge, platform: Platform) -> None:
    """The messages stay by default; the prompt of whoever came has nothing to do with it."""
    await lounge.protect(lounge.news)
    guest = lounge.sim.add_user("Gus")
    lounge.sim.join(guest, lounge.group)
    await finished(lounge, platform)
    assert [each for each in lounge.sim.messages(lounge.group) if each.service is not None]
    lounge.sim.say(lounge.owner, lounge.group, "/settings service_messages=remove")
    await lounge.until_said("Came and left: Remove")
    await lounge.settled()
    known = {each.id for each in lounge.sim.messages(lounge.group)}

    lounge.sim.leave(guest, lounge.group)
    lounge.sim.join(lounge.sim.add_user("Gil"), lounge.group)
    await finished(lounge, platform)

    def fresh() -> list[object]:
        return [each for each in lounge.sim.messages(lounge.group) if each.id not in known and each.service is not None]

    await eventually(lambda: not fresh(), "no service message is left")


async def test_nobody_is_told_to_tidy_up_after_the_bot_has_gone(lounge: Lounge, platform: Platform) -> None:
    """Telegram's message that it left is not its own to remove any more."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, "/settings service_messages=remove")
    await lounge.until_said("Came and left: Remove")
    await lounge.settled()
    await platform.fetch("DELETE FROM scheduled_actions RETURNING 1")

    lounge.sim.ban(lounge.group, lounge.bot, by=lounge.owner)
    await lounge.settled()

    assert await due(platform) == {}
