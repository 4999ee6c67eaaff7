"""Senders that are nobody's to judge: admins, Telegram's own accounts, channels' forwards, bots."""

import pytest

from bot.simulator import Fault
from tests.acceptance.kit import finished, prompts, restricted, stands
from tests.kits.platform import Lounge, Platform

pytestmark = [pytest.mark.servers, pytest.mark.usefixtures("instance")]


async def test_the_owner_of_the_group_is_never_gated(lounge: Lounge, platform: Platform) -> None:
    """An owner who is in none of the channels speaks: the message stays and nobody tries to mute the owner."""
    others = lounge.sim.add_channel("Others", owner=lounge.member, username="gm_others")
    lounge.sim.promote(others, lounge.bot)
    lounge.sim.join(lounge.owner, others)
    lounge.sim.promote(others, lounge.owner, by=lounge.member)
    await lounge.protect(others)
    lounge.sim.leave(lounge.owner, others)
    message = lounge.sim.say(lounge.owner, lounge.group, "hello")
    await finished(lounge, platform)

    assert stands(lounge, message)
    assert restricted(lounge) == []
    assert prompts(lounge) == []


async def test_an_admin_outside_the_channel_is_never_gated(lounge: Lounge, platform: Platform) -> None:
    """An admin without the channel speaks: the message stays and nothing is asked of them."""
    await lounge.protect(lounge.news)
    lounge.sim.promote(lounge.group, lounge.stranger, can_pin_messages=True)
    message = lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await finished(lounge, platform)

    assert stands(lounge, message)
    assert restricted(lounge) == []
    assert prompts(lounge) == []


async def test_an_admin_is_exempt_while_the_list_of_admins_is_out_of_reach(lounge: Lounge, platform: Platform) -> None:
    """When getChatAdministrators fails, the mute is not tried: the one user is asked about before it."""
    await lounge.protect(lounge.news)
    lounge.sim.promote(lounge.group, lounge.stranger, can_pin_messages=True)
    lounge.sim.faults.add(Fault(kind="error", method="getChatAdministrators", times=None))
    lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await finished(lounge, platform)

    assert restricted(lounge) == []
    assert prompts(lounge) == []


async def test_somebody_made_admin_a_moment_ago_is_exempt(lounge: Lounge, platform: Platform) -> None:
    """The remembered list of admins is dropped when an event says that it changed."""
    late = lounge.sim.add_user("Lena")
    lounge.sim.join(late, lounge.group)
    await lounge.protect(lounge.news)
    lounge.sim.say(lounge.stranger, lounge.group, "so that the list of admins is remembered")
    await lounge.until_muted(lounge.stranger)
    lounge.sim.promote(lounge.group, late, can_pin_messages=True)
    await finished(lounge, platform)
    message = lounge.sim.say(late, lounge.group, "hello")
    await finished(lounge, platform)

    assert stands(lounge, message)
    assert restricted(lounge) == [lounge.stranger.id]


async def test_an_admin_demoted_a_moment_ago_is_gated(lounge: Lounge, platform: Platform) -> None:
    """A former admin keeps no exemption from a remembered list."""
    await lounge.protect(lounge.news)
    lounge.sim.promote(lounge.group, lounge.stranger, can_pin_messages=True)
    lounge.sim.say(lounge.stranger, lounge.group, "as an admin")
    await finished(lounge, platform)
    lounge.sim.demote(lounge.group, lounge.stranger)
    await lounge.settled()
    lounge.sim.say(lounge.stranger, lounge.group, "as anybody")

    await lounge.until_muted(lounge.stranger)


async def test_an_anonymous_admin_speaks_freely(lounge: Lounge, platform: Platform) -> None:
    """Who speaks as the group is an admin; GroupAnonymousBot is asked about nowhere."""
    await lounge.protect(lounge.news)
    lounge.sim.promote(lounge.group, lounge.stranger, anonymous=True, can_pin_messages=True)
    await finished(lounge, platform)
    before = len(lounge.sim.calls)
    message = lounge.sim.say(lounge.stranger, lounge.group, "hello")
    await finished(lounge, platform)

    assert stands(lounge, message)
    assert lounge.sim.calls[before:] == []


async def test_the_linked_channels_posts_stay_in_the_discussion_group(lounge: Lounge, platform: Platform) -> None:
    """An automatic forward comes from 777000, who is in no channel: it stays, and nobody restricts Telegram."""
    lounge.sim.link(lounge.news, lounge.group)
    await lounge.protect(lounge.news)
    before = len(lounge.sim.calls)
    lounge.sim.post(lounge.news, "today's news")
    await finished(lounge, platform)

    forwards = [each for each in lounge.sim.messages(lounge.group) if each.is_automatic_forward]
    assert [each.text for each in forwards] == ["today's news"]
    assert lounge.sim.calls[before:] == []


async def test_comments_of_strangers_below_a_post_are_gated(lounge: Lounge, platform: Platform) -> None:
    """A discussion group can be written in without joining it: the gate looks at the words, too."""
    visitor = lounge.sim.add_user("Vera")
    lounge.sim.link(lounge.insiders, lounge.group)
    await lounge.protect(lounge.news)
    lounge.sim.post(lounge.insiders, "what do you think?")
    comment = lounge.sim.comment(visitor, lounge.group, "an advert")
    await finished(lounge, platform)

    assert not stands(lounge, comment)
    assert not lounge.sim.can_speak(lounge.group, visitor)


async def test_another_bot_that_is_added_is_never_gated(lounge: Lounge, platform: Platform) -> None:
    """Bots cannot join channels; one that is added to the group is left alone."""
    await lounge.protect(lounge.news)
    helper = lounge.sim.add_bot("helper_bot")
    before = len(lounge.sim.calls)
    lounge.sim.add_member(lounge.group, helper)
    await finished(lounge, platform)

    assert lounge.sim.member(lounge.group, helper).status == "member"
    assert lounge.sim.calls[before:] == []


async def test_service_messages_are_nobodys_words(lounge: Lounge, platform: Platform) -> None:
    """That a stranger left, was added or opened a topic is no message of theirs: it is not deleted."""
    forum = lounge.sim.add_group("Forum", owner=lounge.owner, forum=True)
    lounge.sim.add_member(forum, lounge.bot)
    lounge.sim.promote(forum, lounge.bot, can_restrict_members=True, can_delete_messages=True)
    lounge.sim.say(lounge.owner, forum, "/protect @gm_news")
    await lounge.until_said("Done.", forum)
    lounge.sim.join(lounge.stranger, forum)
    await lounge.until_muted(lounge.stranger, forum)
    lounge.sim.leave(lounge.stranger, forum)
    lounge.sim.add_topic(forum, "Off topic")
    await finished(lounge, platform)

    services = [each.service for each in lounge.sim.messages(forum) if each.service is not None]
    kinds = [next(iter(service)) for service in services]
    assert "new_chat_members" in kinds
    assert "left_chat_member" in kinds
    assert "forum_topic_created" in kinds


async def test_messages_in_private_are_not_gated(lounge: Lounge, platform: Platform) -> None:
    """Talking to the bot itself needs no channel."""
    await lounge.protect(lounge.news)
    lounge.sim.private(lounge.stranger, lounge.bot, "/start")
    await finished(lounge, platform)

    private = lounge.sim.private_chat(lounge.stranger, lounge.bot)
    assert any("Hello!" in text for text in lounge.said(private))
    assert restricted(lounge) == []
