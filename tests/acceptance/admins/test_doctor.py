"""`/doctor` in the chat: what is missing, why it is needed, and the tap that gives it."""

import pytest

from bot.simulator import CallbackQuery, Fault, Message
from tests.acceptance.kit import buttons, finished, from_bot
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


async def examined(lounge: Lounge) -> Message:
    """Have the owner ask, and return the diagnosis."""
    sent = lounge.sim.say(lounge.owner, lounge.group, "/doctor").id
    await eventually(lambda: any(each.id > sent for each in from_bot(lounge)), "a diagnosis")
    await lounge.settled()
    return from_bot(lounge)[-1]


async def press(lounge: Lounge, message: Message) -> str:
    """Have the owner ask for another look; return the toast."""
    query: CallbackQuery = lounge.sim.press(lounge.owner, lounge.group, message, "d")
    await lounge.settled()
    return "no answer" if query.answer is None else query.answer.text or ""


async def test_a_sound_group_is_told_so(lounge: Lounge) -> None:
    """Each right with what it is needed for."""
    await lounge.protect(lounge.news)

    lines = ((await examined(lounge)).text or "").split("\n")

    assert lines == [
        "Lounge: what I need here",
        "",
        "✅ Admin of this group",
        "✅ Ban users: to mute who has not joined, and to free them",
        "✅ Delete messages: to remove what they write until then",
        "✅ Admin of News: to see who is in it",
        "",
        "I have all the rights I need.",
    ]


async def test_what_is_missing_is_named_with_the_tap_that_gives_it(lounge: Lounge, platform: Platform) -> None:
    """In the group and in the channel; another look after mending opens and closes what it has to."""
    await lounge.protect(lounge.news)
    lounge.sim.promote(lounge.group, lounge.bot, by=lounge.owner, can_delete_messages=True)
    lounge.sim.demote(lounge.news, lounge.bot, by=lounge.owner)
    await finished(lounge, platform)

    found = await examined(lounge)

    text = found.text or ""
    assert "❌ Ban users: to mute who has not joined, and to free them\n→ Give me the right Ban users" in text
    assert "❌ Admin of News: to see who is in it\n→ Make me an admin of News" in text
    assert "The gate is open" in text
    links = [str(button.get("url", "")) for button in buttons(found)]
    assert "admin=restrict_members+delete_messages+invite_users" in links[0]
    assert "startchannel&admin=invite_users" in links[1]
    assert await press(lounge, found) == "Nothing has changed since the last look."

    lounge.sim.promote(lounge.group, lounge.bot, by=lounge.owner, can_delete_messages=True, can_restrict_members=True)
    lounge.sim.promote(lounge.news, lounge.bot, by=lounge.owner, can_invite_users=True)
    await finished(lounge, platform)
    assert await press(lounge, found) == ""
    assert "❌" not in (found.text or "")
    assert "I have all the rights I need." in (found.text or "")


async def test_an_outage_is_not_a_lost_right(lounge: Lounge) -> None:
    """Telegram does not say: neither a tick nor a cross."""
    await lounge.protect(lounge.news)
    lounge.sim.faults.add(Fault(kind="error", method="getChatMember", chat=lounge.news.id, code=502, times=None))

    text = (await examined(lounge)).text or ""

    assert "❔ Admin of News: to see who is in it\n→ Telegram does not tell me right now." in text
    assert "The gate is open" not in text


async def test_only_admins_have_a_group_examined(lounge: Lounge) -> None:
    """Others are told so, for the command and for the press."""
    await lounge.protect(lounge.news)
    found = await examined(lounge)
    query: CallbackQuery = lounge.sim.press(lounge.member, lounge.group, found, "d")
    lounge.sim.say(lounge.member, lounge.group, "/doctor")

    await lounge.until_said("Only the owner, and admins")

    await lounge.settled()
    assert query.answer is not None
    assert "Only admins" in (query.answer.text or "")


async def test_what_else_keeps_the_gate_from_working_is_said(lounge: Lounge) -> None:
    """A pause, observing only, and a group that is not protected yet."""
    assert "This group is not protected." in ((await examined(lounge)).text or "")
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, lounge.group, "/settings enforcement=observe join_requests=approve")
    await lounge.until_said("Only observe")
    lounge.sim.say(lounge.owner, lounge.group, "/pause")
    await lounge.until_said("Paused.")

    text = (await examined(lounge)).text or ""

    assert "Paused by an admin" in text
    assert "I only observe" in text
    assert "✅ Invite users: to answer requests to join" in text
