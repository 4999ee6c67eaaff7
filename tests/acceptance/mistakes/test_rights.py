"""The bot loses its rights and gets them back: nobody pays for it, and somebody is told."""

import pytest

from tests.acceptance.kit import buttons, finished, gated, prompts, restricted, stands
from tests.kits.platform import Lounge, Platform, eventually

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]

NEEDED = frozenset({"can_restrict_members", "can_delete_messages"})


async def told(lounge: Lounge, part: str) -> None:
    """Wait until the owner, who set the group up, has read something: in private, or else in the group."""
    private = lounge.sim.private_chat(lounge.owner, lounge.bot)
    await eventually(
        lambda: any(part in text for chat in (private, lounge.group) for text in lounge.said(chat)),
        f"the owner is told {part!r}",
    )


@pytest.mark.parametrize("how", ["demoted", "banned", "removed"])
async def test_a_lost_channel_mutes_nobody_and_frees_everybody(lounge: Lounge, platform: Platform, how: str) -> None:
    """Out of the channel, the bot sees no member of it: the gate opens, and the owner learns why."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    leave = {"demoted": lounge.sim.demote, "banned": lounge.sim.ban, "removed": lounge.sim.remove}[how]
    leave(lounge.news, lounge.bot)
    await lounge.until_free(lounge.stranger)
    await finished(lounge, platform)
    mutes = len(restricted(lounge))
    messages = [lounge.sim.say(user, lounge.group, "hello") for user in (lounge.member, lounge.stranger)]
    await finished(lounge, platform)

    assert all(stands(lounge, message) for message in messages)
    assert len(restricted(lounge)) == mutes
    assert prompts(lounge) == []
    await told(lounge, "no longer an admin of a channel")


async def test_a_channel_that_is_back_is_required_again(lounge: Lounge, platform: Platform) -> None:
    """Made admin of the channel again, the bot goes on by itself."""
    await lounge.protect(lounge.news)
    lounge.sim.demote(lounge.news, lounge.bot)
    await told(lounge, "no longer an admin of a channel")
    await finished(lounge, platform)
    lounge.sim.promote(lounge.news, lounge.bot)
    await told(lounge, "I have my rights again")
    await finished(lounge, platform)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")

    await lounge.until_muted(lounge.stranger)


async def test_with_one_of_two_channels_back_the_gate_stays_open(lounge: Lounge, platform: Platform) -> None:
    """Both channels lost and one regained: the other still cannot be asked, so nobody is gated."""
    await lounge.protect(lounge.news, lounge.insiders)
    lounge.sim.demote(lounge.news, lounge.bot)
    await finished(lounge, platform)
    lounge.sim.demote(lounge.insiders, lounge.bot)
    await finished(lounge, platform)
    lounge.sim.promote(lounge.news, lounge.bot)
    await finished(lounge, platform)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await finished(lounge, platform)

    rows = await platform.fetch("SELECT paused_reason FROM protected_groups")
    assert [row["paused_reason"] for row in rows] == ["channel_lost"]
    assert restricted(lounge) == []


async def test_rights_in_the_group_do_not_resume_a_gate_without_its_channel(lounge: Lounge, platform: Platform) -> None:
    """Rights lost, then the channel, then the rights are back: without the channel nobody is gated."""
    await lounge.protect(lounge.news)
    lounge.sim.demote(lounge.group, lounge.bot)
    await finished(lounge, platform)
    lounge.sim.demote(lounge.news, lounge.bot)
    await finished(lounge, platform)
    lounge.sim.appoint(lounge.group, lounge.bot, NEEDED)
    await finished(lounge, platform)
    message = lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await finished(lounge, platform)

    rows = await platform.fetch("SELECT paused_reason FROM protected_groups")
    assert [row["paused_reason"] for row in rows] == ["channel_lost"]
    assert stands(lounge, message)


@pytest.mark.parametrize("left", [None, "can_restrict_members", "can_delete_messages"])
async def test_without_its_rights_in_the_group_the_bot_pauses(
    lounge: Lounge, platform: Platform, left: str | None
) -> None:
    """Demoted, or with one of its two rights: it does half of nothing, and says what it needs."""
    await lounge.protect(lounge.news)
    if left is None:
        lounge.sim.demote(lounge.group, lounge.bot)
    else:
        lounge.sim.appoint(lounge.group, lounge.bot, frozenset({left}))
    await told(lounge, "I lost rights")
    await finished(lounge, platform)
    message = lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await finished(lounge, platform)

    assert stands(lounge, message)
    assert restricted(lounge) == []


@pytest.mark.parametrize("how", ["demoted", "removed"])
async def test_who_stays_muted_without_the_bot_is_told_of(lounge: Lounge, platform: Platform, how: str) -> None:
    """Nobody but an admin can free them then: the owner hears how many they are, how, and what brings the bot back."""
    private = lounge.sim.private_chat(lounge.owner, lounge.bot)
    lounge.sim.private(lounge.owner, lounge.bot, "/start")
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    {"demoted": lounge.sim.demote, "removed": lounge.sim.remove}[how](lounge.group, lounge.bot)
    await lounge.until_said("I lost rights", private)
    await finished(lounge, platform)

    told = lounge.sim.messages(private)[-1]
    assert "Still muted by me: 1." in (told.text or "")
    assert "Exceptions" in (told.text or "")
    assert [str(button["url"]).partition("?")[2] for button in buttons(told)] == [
        "startgroup=new&admin=restrict_members+delete_messages+invite_users"
    ]


async def test_rights_that_are_back_in_the_group_resume_the_gate(lounge: Lounge, platform: Platform) -> None:
    """Nobody has to type /protect again."""
    await lounge.protect(lounge.news)
    lounge.sim.demote(lounge.group, lounge.bot)
    await told(lounge, "I lost rights")
    await finished(lounge, platform)
    lounge.sim.appoint(lounge.group, lounge.bot, NEEDED)
    await told(lounge, "I have my rights again")
    await finished(lounge, platform)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")

    await lounge.until_muted(lounge.stranger)


async def test_who_joined_while_the_bot_had_no_rights_is_freed_afterwards(lounge: Lounge, platform: Platform) -> None:
    """Muted, then the bot is demoted, then the channel is joined: the lift waits for the rights, and then happens."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.demote(lounge.group, lounge.bot)
    await lounge.settled()
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.settled()
    lounge.sim.appoint(lounge.group, lounge.bot, NEEDED)

    await lounge.until_free(lounge.stranger)
    await finished(lounge, platform)
    assert prompts(lounge) == []


async def test_a_bot_removed_from_the_group_and_added_again_goes_on(lounge: Lounge, platform: Platform) -> None:
    """Being thrown out loses nothing: whoever was muted is freed by the join that was missed meanwhile."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.remove(lounge.group, lounge.bot)
    await lounge.settled()
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.settled()
    lounge.sim.add_member(lounge.group, lounge.bot)
    lounge.sim.appoint(lounge.group, lounge.bot, NEEDED)

    await lounge.until_free(lounge.stranger)


async def test_lost_rights_are_told_once(lounge: Lounge, platform: Platform) -> None:
    """Two changes of the bot's standing, one message about it."""
    await lounge.protect(lounge.news)
    lounge.sim.private(lounge.owner, lounge.bot, "/start")
    await finished(lounge, platform)
    lounge.sim.appoint(lounge.group, lounge.bot, frozenset({"can_delete_messages"}))
    lounge.sim.demote(lounge.group, lounge.bot)
    await told(lounge, "I lost rights")
    await finished(lounge, platform)

    private = lounge.sim.private_chat(lounge.owner, lounge.bot)
    said = [text for chat in (private, lounge.group) for text in lounge.said(chat) if "I lost rights" in text]
    assert len(said) == 1


async def test_status_names_what_is_missing(lounge: Lounge, platform: Platform) -> None:
    """An admin who wonders why nothing happens is told."""
    await lounge.protect(lounge.news)
    lounge.sim.demote(lounge.news, lounge.bot)
    await told(lounge, "no longer an admin of a channel")
    await finished(lounge, platform)
    lounge.sim.say(lounge.owner, lounge.group, "/status")

    await lounge.until_said("Paused")
    await lounge.until_said("Make me an admin of News")
