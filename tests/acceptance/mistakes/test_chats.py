"""Joins, leaves and chats that change: seen without service messages, and acted upon only where the user is."""

import pytest

from bot.simulator import Chat, Fault
from tests.acceptance.kit import finished, from_bot, gated, prompts, restricted, seen, stands
from tests.kits.platform import Lounge, Platform, add_group, eventually
from tests.kits.simulator import PERMISSIONS

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


async def test_a_join_without_a_service_message_is_seen(lounge: Lounge, platform: Platform) -> None:
    """Large groups, and those that hide their members, write no "joined": `chat_member` tells."""
    lounge.sim.configure(lounge.group, hidden_members=True)
    guest = lounge.sim.add_user("Gina")
    await lounge.protect(lounge.news)
    lounge.sim.join(guest, lounge.group)
    await lounge.until_muted(guest)
    await finished(lounge, platform)

    assert len(prompts(lounge)) == 1
    assert all(message.service is None or message.author is not guest for message in lounge.sim.messages(lounge.group))


async def test_a_join_with_a_service_message_is_gated_once(lounge: Lounge, platform: Platform) -> None:
    """Telegram tells of a join twice, GMBot acts upon it once, and leaves the service message alone."""
    guest = lounge.sim.add_user("Gina")
    await lounge.protect(lounge.news)
    lounge.sim.join(guest, lounge.group)
    await lounge.until_muted(guest)
    await finished(lounge, platform)

    assert restricted(lounge) == [guest.id]
    assert len(prompts(lounge)) == 1
    assert any("new_chat_members" in (message.service or {}) for message in lounge.sim.messages(lounge.group))


async def test_a_member_of_the_channel_who_joins_is_left_alone(lounge: Lounge, platform: Platform) -> None:
    """No welcome, no prompt, no restriction."""
    guest = lounge.sim.add_user("Gina")
    lounge.sim.join(guest, lounge.news)
    await lounge.protect(lounge.news)
    before = len(from_bot(lounge))
    lounge.sim.join(guest, lounge.group)
    await finished(lounge, platform)

    assert restricted(lounge) == []
    assert len(from_bot(lounge)) == before


async def test_somebody_added_by_a_member_is_gated(lounge: Lounge, platform: Platform) -> None:
    """It is the one who came that is looked at, not the one who invited."""
    guest = lounge.sim.add_user("Gina")
    await lounge.protect(lounge.news)
    lounge.sim.add_member(lounge.group, guest, by=lounge.owner)
    await lounge.until_muted(guest)
    await finished(lounge, platform)

    assert restricted(lounge) == [guest.id]


async def test_leaving_the_channel_concerns_only_the_groups_one_is_in(lounge: Lounge, platform: Platform) -> None:
    """Two groups require the channel, the leaver is in one: nothing is done or said in the other."""
    other = add_group(lounge.sim, lounge.bot, lounge.owner, "Other")
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.owner, other, "/protect @gm_news")
    await lounge.until_said("Done.", other)
    await seen(lounge, platform, lounge.member)
    lounge.sim.leave(lounge.member, lounge.news)
    await lounge.until_muted(lounge.member)
    await finished(lounge, platform)

    calls = [call for call in lounge.calls("restrictChatMember") if call.params["chat_id"] == other.id]
    assert calls == []
    assert prompts(lounge, other) == []


async def test_leaving_the_channel_after_leaving_the_group_is_nobodys_business(
    lounge: Lounge, platform: Platform
) -> None:
    """Seen in the group once, gone since: not restricted, and not spoken of in front of the others."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.member, lounge.group, "hello")
    await finished(lounge, platform)
    lounge.sim.leave(lounge.member, lounge.group)
    await finished(lounge, platform)
    lounge.sim.leave(lounge.member, lounge.news)
    await finished(lounge, platform)

    assert restricted(lounge) == []
    assert prompts(lounge) == []
    assert lounge.sim.member(lounge.group, lounge.member).status == "left"


async def test_an_admin_who_leaves_the_channel_is_left_alone(lounge: Lounge, platform: Platform) -> None:
    """Admins of the group need no channel."""
    lounge.sim.promote(lounge.group, lounge.member, can_pin_messages=True)
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.member, lounge.group, "hello")
    await finished(lounge, platform)
    lounge.sim.leave(lounge.member, lounge.news)
    await finished(lounge, platform)

    assert restricted(lounge) == []
    assert prompts(lounge) == []


async def test_leaving_a_channel_that_nobody_requires_is_nothing(lounge: Lounge, platform: Platform) -> None:
    """The bot is admin in more channels than are required."""
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.member, lounge.group, "hello")
    await finished(lounge, platform)
    before = len(lounge.sim.calls)
    lounge.sim.leave(lounge.member, lounge.insiders)
    await finished(lounge, platform)

    assert lounge.sim.calls[before:] == []


async def test_a_restricted_member_of_the_required_chat_is_a_member(lounge: Lounge, platform: Platform) -> None:
    """`restricted` with is_member says that the user is there."""
    await lounge.protect(lounge.news)
    answers(lounge, is_member=True)
    message = lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await finished(lounge, platform)

    assert stands(lounge, message)
    assert restricted(lounge) == []


async def test_a_restricted_user_who_left_is_absent(lounge: Lounge) -> None:
    """`restricted` without is_member says that the user has gone."""
    await lounge.protect(lounge.news)
    answers(lounge, is_member=False)
    lounge.sim.say(lounge.stranger, lounge.group, "hello")

    await lounge.until_muted(lounge.stranger)


async def test_somebody_banned_from_the_channel_is_absent(lounge: Lounge, platform: Platform) -> None:
    """Removed from the channel by its admins: no more writing in the group, from that moment."""
    await lounge.protect(lounge.news)
    await seen(lounge, platform, lounge.member)
    lounge.sim.ban(lounge.news, lounge.member)

    await lounge.until_muted(lounge.member)


async def test_an_edited_message_is_a_message(lounge: Lounge, platform: Platform) -> None:
    """An advert edited into an old message goes as a new one would."""
    message = lounge.sim.say(lounge.stranger, lounge.group, "written before the gate was there")
    await lounge.protect(lounge.news)
    lounge.sim.edit(lounge.stranger, lounge.group, message, "buy coins at coins.example")
    await lounge.until_muted(lounge.stranger)
    await finished(lounge, platform)

    assert not stands(lounge, message)


async def test_an_edit_is_no_command(lounge: Lounge, platform: Platform) -> None:
    """Editing a message into `/unprotect` does nothing."""
    await lounge.protect(lounge.news)
    message = lounge.sim.say(lounge.owner, lounge.group, "hello")
    lounge.sim.edit(lounge.owner, lounge.group, message, "/unprotect")
    await finished(lounge, platform)

    rows = await platform.fetch("SELECT protected FROM protected_groups")
    assert [row["protected"] for row in rows] == [True]


async def test_a_basic_group_is_gated_by_deletion_and_told_so(lounge: Lounge, platform: Platform) -> None:
    """Basic groups know no restrictions: messages go, nobody is muted, and the admin reads it in the answer."""
    basic = basic_group(lounge)
    lounge.sim.join(lounge.stranger, basic)
    lounge.sim.say(lounge.owner, basic, "/protect @gm_news")
    await lounge.until_said("This is a basic group", basic)
    message = lounge.sim.say(lounge.stranger, basic, "hello")
    await eventually(lambda: not stands(lounge, message), "the message goes")
    await eventually(lambda: prompts(lounge, basic) != [], "the prompt")
    second = lounge.sim.say(lounge.stranger, basic, "hello again")
    await eventually(lambda: not stands(lounge, second), "the second message goes")
    await finished(lounge, platform)

    assert restricted(lounge) == []
    assert len(prompts(lounge, basic)) == 1
    lounge.sim.join(lounge.stranger, lounge.news)
    await eventually(lambda: prompts(lounge, basic) == [], "the prompt goes")
    third = lounge.sim.say(lounge.stranger, basic, "now I may")
    await finished(lounge, platform)
    assert stands(lounge, third)


async def test_a_group_that_becomes_a_supergroup_keeps_its_gate(lounge: Lounge, platform: Platform) -> None:
    """The new id has the old configuration, and mutes from now on."""
    basic = basic_group(lounge)
    lounge.sim.join(lounge.stranger, basic)
    lounge.sim.say(lounge.owner, basic, "/protect @gm_news")
    await lounge.until_said("This is a basic group", basic)
    await finished(lounge, platform)
    new = lounge.sim.migrate(basic)
    await finished(lounge, platform)
    lounge.sim.say(lounge.stranger, new, "hello")
    await lounge.until_muted(lounge.stranger, new)
    lounge.sim.join(lounge.stranger, lounge.news)
    await lounge.until_free(lounge.stranger, new)

    rows = await platform.fetch("SELECT group_id, protected FROM protected_groups")
    assert [(row["group_id"], row["protected"]) for row in rows] == [(new.id, True)]


async def test_a_case_that_is_open_during_the_upgrade_moves_along(lounge: Lounge, platform: Platform) -> None:
    """Noticed in the basic group, muted in the supergroup, freed by the join."""
    basic = basic_group(lounge)
    lounge.sim.join(lounge.stranger, basic)
    lounge.sim.say(lounge.owner, basic, "/protect @gm_news")
    await lounge.until_said("This is a basic group", basic)
    lounge.sim.say(lounge.stranger, basic, "hello")
    await eventually(lambda: prompts(lounge, basic) != [], "the prompt")
    await finished(lounge, platform)
    new = lounge.sim.migrate(basic)
    await lounge.until_muted(lounge.stranger, new)
    await finished(lounge, platform)
    lounge.sim.join(lounge.stranger, lounge.news)

    await lounge.until_free(lounge.stranger, new)
    await finished(lounge, platform)
    assert prompts(lounge, new) == []


async def test_a_muted_member_who_never_comes_back_leaves_nothing_behind(lounge: Lounge, platform: Platform) -> None:
    """Gone from the group and then in the channel: the mute is lifted although nobody is there."""
    await lounge.protect(lounge.news)
    await gated(lounge, platform, lounge.stranger)
    lounge.sim.leave(lounge.stranger, lounge.group)
    await finished(lounge, platform)
    lounge.sim.join(lounge.stranger, lounge.news)
    await finished(lounge, platform)
    lounge.sim.join(lounge.stranger, lounge.group)
    await finished(lounge, platform)

    assert not lounge.muted(lounge.stranger)
    assert await platform.open_cases() == []


def basic_group(lounge: Lounge) -> Chat:
    """Make a basic group with the bot as an admin."""
    basic = lounge.sim.add_group("Basic", owner=lounge.owner, kind="group")
    lounge.sim.add_member(basic, lounge.bot)
    lounge.sim.promote(basic, lounge.bot, can_restrict_members=True, can_delete_messages=True)
    return basic


def answers(lounge: Lounge, *, is_member: bool) -> None:
    """Let Telegram say of the stranger in the required chat that they are restricted there."""
    status = {
        "status": "restricted",
        "user": {"id": lounge.stranger.id, "is_bot": False, "first_name": "Sam"},
        "is_member": is_member,
        "until_date": 0,
        **dict.fromkeys(PERMISSIONS, False),
    }
    lounge.sim.faults.add(
        Fault(
            kind="lie", method="getChatMember", chat=lounge.news.id, user=lounge.stranger.id, result=status, times=None
        )
    )
